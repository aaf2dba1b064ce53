"""Attack every reader with spoiled files, and say what fell.

    python -m benchmarks.attack [--seed N] [--count N] [--seconds S] [--cores N] [--only READER,...] [--out DIR]

Ends with 1 where anything fell: an error that is no sentence, an exit code that is neither 0, 1 nor 2, a file that takes more
than 10 s longer than a right one, a process over 2 GiB, a dead process. The files that showed it are kept in DIR.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.attack import campaign
from benchmarks.attack.readers.table import READERS
from benchmarks.attack.seeds import make_apart


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000, help="files, at most (%(default)s)")
    parser.add_argument("--seconds", type=float, default=900, help="at most (%(default)s)")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--only", default="", help="readers, comma between them, each by how its name begins")
    parser.add_argument("--out", type=Path, default=Path("build/attack"), help="folder of what fell (%(default)s)")
    given = parser.parse_args()
    begins = tuple(filter(None, given.only.split(","))) or ("",)
    names = tuple(name for name in READERS if name.startswith(begins))
    plan = campaign.Plan(given.seed, given.count, given.seconds, given.cores, names)
    with tempfile.TemporaryDirectory(prefix="edgedigits-seeds-") as folder:
        say("making right files")
        make_apart(Path(folder) / "seeds")
        outcome = campaign.run(plan, Path(folder) / "seeds", given.out, say)
    found = campaign.summary(plan, outcome)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "report.json").write_text(json.dumps(found, indent=1) + "\n")
    for line in outcome.untaken:
        say(f"not attacked, for a right file is not taken: {line}")
    for fault in sorted(outcome.tally.faults.values(), key=lambda one: -one.count):
        print(f"{fault.count:5} x {fault.title}\n        {fault.words[:160]}\n        {fault.files[0]}")
    kinds = len(found["faults"])
    print(f"{found['files']} files, {found['readings']} readings in {found['seconds']:.0f} s: {kinds} kinds of faults")
    return int(bool(found["faults"]))


if __name__ == "__main__":
    sys.exit(main())
