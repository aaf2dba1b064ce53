"""The golden manifest and the golden bench report: how each is made, without what differs by run and machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedigits_runner.kept import sealed

if TYPE_CHECKING:
    from edgedigits.measure.bench_result import Report

GOLDEN = Path(__file__).parent / "golden"
DOCUMENTS = GOLDEN / "documents"  # apart: a manifest makes of what lies beside it an artifact
FIRST = GOLDEN / "result-schema-1.json"
"""A result as the runner wrote it before results had a task: of two models alike, on twelve images."""

PROBE = {"load_ns": 2e6, "first_ns": 3e4, "peak_kib": 40960, "steady_kib": 40000, "imported_kib": 36864}


class Replayed:
    """A runner that has done its jobs long ago."""

    def run(self, kind: str, job: dict[str, Any]) -> dict[str, Any]:
        if kind == "timings":
            return {"files": [{"ns": 900.0, "reason": ""}]}
        return json.loads(FIRST.read_text()) if kind == "bench" else PROBE

    def put(self, files: Mapping[str, bytes]) -> None:
        """Needs none."""


def replayed_report() -> Report:
    """What a benchmark finds in that result."""
    from edgedigits.measure.bench import BenchSettings, Contestant, measure

    contestants = [Contestant(name, GOLDEN / "int8.tflite") for name in ("m", "n")]
    return measure(Replayed(), [{}, {}], "", contestants, BenchSettings(windows=1, window_s=0.01))


def bench_report() -> dict[str, Any]:
    """The same as JSON."""
    from edgedigits.api.render.bench import to_json

    found = to_json(replayed_report())
    for model in (found["baseline"], found["compressed"]):
        del model["gzip_bytes"]  # a packer's version
        model["path"] = Path(model["path"]).name
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def plain_manifest(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest that is the same whenever and wherever it was made: other hashes, times and versions, and a hash that fits."""

    def plain(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: plain(each, "version" if key == "versions" else name) for name, each in value.items()}
        if isinstance(value, list):
            return [plain(each, key) for each in value]
        if isinstance(value, str) and len(value) == 64:
            return "0" * 64
        return {"version": "1.0", "seconds": 1.0, "fingerprint": "0" * 64}.get(key, value)

    return sealed({name: plain(value, name) for name, value in manifest.items()})


def keys(value: Any) -> Any:
    """What a document holds, without its values: a list by its first item, names of files and versions left out."""
    if isinstance(value, dict):
        return {name: keys(each) for name, each in value.items()}
    if isinstance(value, list):
        return [keys(each) for each in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
