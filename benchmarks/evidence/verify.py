"""Whether `verify` names the broken layer first, and the right cause: seven faults, each in two nets and more."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import edgedigits as ed
from benchmarks.document import target
from benchmarks.evidence.broken import FAULTS, Broken, convert_whole
from benchmarks.evidence.nets import KINDS, SIDE, trained

Found = tuple[list[dict[str, Any]], dict[str, Any]]
WANTED_NETS = ("plain", "residual")
"""Those that have a layer for every fault; the others have it for some."""


def measure() -> Found:
    """(targets, raw): a row for each net and fault, and one for each whole net, of which nothing may be said."""
    rows = [row for net in KINDS for fault in FAULTS if (row := try_fault(net, fault)) is not None]
    whole = [try_whole(net) for net in KINDS]
    full = [row for row in rows if row["net"] in WANTED_NETS]
    found = sum(all(row["found"] for row in full if row["fault"] == fault) for fault in FAULTS)
    alarms = sum(bool(row["suspects"]) for row in whole)
    targets = [
        target(
            "verify: faults named first, layer and cause, in each of two nets",
            f"= {len(FAULTS)}",
            found,
            f"of {len(FAULTS)}",
            found == len(FAULTS) and len(full) == len(FAULTS) * len(WANTED_NETS),
        ),
        target(
            "verify: faults named first, of all that were made",
            f"= {len(rows)}",
            sum(row["found"] for row in rows),
            f"of {len(rows)}",
            all(row["found"] for row in rows),
        ),
        target("verify: whole nets that are called broken", "= 0", alarms, f"of {len(whole)}", not alarms),
    ]
    return targets, {"rows": rows, "whole": whole}


def try_fault(net: str, fault: str) -> dict[str, Any] | None:
    """One net broken in one way; None where it has no layer for that."""
    broken = FAULTS[fault](trained(net))
    if broken is None:
        return None
    found = ask(broken)
    first = found["suspects"][0] if found["suspects"] else {"layer": "", "cause": "", "sentence": ""}
    right = (first["layer"], first["cause"], found["layers"][0]["layer"]) == (broken.layer, fault, broken.layer)
    print(f"{net} {fault}: {first['sentence'] or 'nothing'}", file=sys.stderr, flush=True)
    return {
        "net": net,
        "fault": fault,
        "layer": broken.layer,
        "found": right,
        "first_layer": first["layer"],
        "first_cause": first["cause"],
        "sentence": first["sentence"],
        "suspects": len(found["suspects"]),
        "answers": found["answers"],
    }


def try_whole(net: str) -> dict[str, Any]:
    """The same net as it is."""
    found = ask(convert_whole(trained(net)))
    return {"net": net, "suspects": found["suspects"], "answers": found["answers"]}


def ask(broken: Broken) -> dict[str, Any]:
    """What `ed.verify` says of the two files."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-evidence-") as folder:
        plain, compressed = Path(folder) / "float.tflite", Path(folder) / "model.tflite"
        plain.write_bytes(broken.plain)
        compressed.write_bytes(broken.compressed)
        found: dict[str, Any] = ed.verify(
            plain, compressed, "digits", pixel_range="0..1", resize=(SIDE, SIDE), progress=False
        ).as_json()
    plain_names: dict[str, Any] = _without(found, folder)
    return plain_names


def _without(document: Any, folder: str) -> Any:
    """Without the folder's name, which is another in every run."""
    if isinstance(document, dict):
        return {key: _without(value, folder) for key, value in document.items()}
    if isinstance(document, list):
        return [_without(value, folder) for value in document]
    return document.replace(f"{folder}/", "") if isinstance(document, str) else document
