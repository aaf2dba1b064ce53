"""Writes tests/golden anew: `python tests/make_golden.py`. Look at the difference before you commit it.

Each .tflite file comes with what `edgedigits inspect --json` says of it, but for the gzip and zstd sizes, which depend
on the versions of those libraries.
"""

import json
import pathlib
from typing import Any

GOLDEN = pathlib.Path(__file__).parent / "golden"


def without_packed(found: Any) -> Any:
    """The same, without the sizes that depend on a packer's version."""
    if isinstance(found, dict):
        return {key: without_packed(value) for key, value in found.items() if not key.startswith(("gzip", "zstd"))}
    return [without_packed(value) for value in found] if isinstance(found, list) else found


def main() -> None:
    from edgedigits.api.render.inspection import as_json
    from edgedigits.tflite.flatbuffer import read
    from tests.test_flatbuffer import convert, planted_model

    GOLDEN.mkdir(exist_ok=True)
    for kind in ("int8", "float16"):
        flat = convert(planted_model(), kind)
        (GOLDEN / f"{kind}.tflite").write_bytes(flat)
        found = without_packed(as_json(read(flat, f"{kind}.tflite")))
        (GOLDEN / f"{kind}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
