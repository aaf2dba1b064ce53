"""Measure whether the evidence is right, and write it down.

    python -m benchmarks.evidence [--only SECTION,...]

Writes `benchmarks/results/evidence.json`. With --only the other sections stay as an earlier run left them; each says by which
command and commit it was measured. Ends with 1 where a target of what was measured is not met.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from benchmarks.evidence import gates, repair, report, runtimes, sensitivity, verify
from benchmarks.evidence.precision import int4
from benchmarks.sections import Section, run

RESULT = Path(__file__).parents[1] / "results" / "evidence.json"
SECTIONS: Final[dict[str, Section]] = {
    "verify": verify.measure,
    "gates": gates.measure,
    "int4": int4.measure,
    "repair": repair.measure,
    "sensitivity": sensitivity.measure,
    "runtimes": runtimes.measure,
    "report": report.measure,
}


def main() -> int:
    return run("benchmarks.evidence", __doc__, SECTIONS, RESULT)


if __name__ == "__main__":
    sys.exit(main())
