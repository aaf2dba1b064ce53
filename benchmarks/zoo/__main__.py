"""Measure what the zoo's nets reach on digits as they are met, and write it down.

    python -m benchmarks.zoo [--only SECTION,...]

Writes `benchmarks/results/zoo.json`. With --only the other sections stay as an earlier run left them; each says by which
command and commit it was measured. Ends with 1 where a target of what was measured is not met. Data: EDGEDIGITS_DATA, a folder
with mnist.npz, letters.npz and digits_photo.npz.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from benchmarks.sections import Section, run
from benchmarks.zoo import corruptions, every_layer, handwriting, nets, overlays

RESULT = Path(__file__).parents[1] / "results" / "zoo.json"
SECTIONS: Final[dict[str, Section]] = {
    "layers": every_layer.measure,
    "nets": nets.measure,
    "overlays": overlays.measure,
    "handwriting": handwriting.measure,
    "corruptions": corruptions.measure,
}


def main() -> int:
    return run("benchmarks.zoo", __doc__, SECTIONS, RESULT)


if __name__ == "__main__":
    sys.exit(main())
