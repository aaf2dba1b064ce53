"""Writes tests/golden anew: `python tests/make_golden.py`. Look at the difference before you commit it.

Each .tflite file comes with what `edgedigits inspect --json` says of it, but for the gzip and zstd sizes, which depend
on the versions of those libraries. manifest.json and bench-report.json are what `golden_documents.py` makes.
"""

import json
import pathlib
import tempfile
from typing import Any

GOLDEN = pathlib.Path(__file__).parent / "golden"


def without_packed(found: Any) -> Any:
    """The same, without the sizes that depend on a packer's version."""
    if isinstance(found, dict):
        return {key: without_packed(value) for key, value in found.items() if not key.startswith(("gzip", "zstd"))}
    return [without_packed(value) for value in found] if isinstance(found, list) else found


def main() -> None:
    from edgedigits.api.render.inspection import to_json
    from edgedigits.tflite.flatbuffer import read
    from tests.test_flatbuffer import convert, planted_model

    GOLDEN.mkdir(exist_ok=True)
    for kind in ("int8", "float16"):
        flat = convert(planted_model(), kind)
        (GOLDEN / f"{kind}.tflite").write_bytes(flat)
        found = without_packed(to_json(read(flat, f"{kind}.tflite")))
        (GOLDEN / f"{kind}.json").write_text(json.dumps(found, indent=1) + "\n")
    write_documents()


def write_documents() -> None:
    """The manifest of a small artifact, made for it, and the report of a result that is kept."""
    from tests import golden_documents, tiny_release
    from tests.conftest import shapes_npz

    with tempfile.TemporaryDirectory() as folder:
        shapes = shapes_npz(pathlib.Path(folder) / "shapes.npz")
        manifest = json.loads((tiny_release.made(shapes) / "manifest.json").read_text())
    for name, document in (
        ("manifest.json", golden_documents.plain_manifest(manifest)),
        ("bench-report.json", golden_documents.bench_report()),
    ):
        (golden_documents.DOCUMENTS / name).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
