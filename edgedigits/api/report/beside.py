"""The report that another command writes beside its own work: `compress --report`, `bench --report`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgedigits.api.report.gather import Request
from edgedigits.api.report.write import Places, make_report
from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject, Progress, Say
from edgedigits.measure.bench_result import Report
from edgedigits.measure.findings.collect import Asking
from edgedigits.measure.verify.subject import VerifyWish


@dataclass(frozen=True)
class Reporting:
    """Where the page goes, which artifact it is of, and what was said of data."""

    places: Places
    artifact: Path
    said: JsonObject

    @classmethod
    def prepare(cls, out: str | os.PathLike[str], artifact: Path | None, said: JsonObject) -> Reporting:
        """Raises InputError's kinds before any work: for another form of page, a place that can't be written to, no artifact."""
        if artifact is None:
            raise InputError(
                "--report: tells of an artifact, and this is a file from elsewhere; give an artifact's folder"
            )
        places = check_place(out)
        return cls(places, artifact, {key: value for key, value in said.items() if key != "scale"})

    def write(self, timed: Report | None, say: Say, progress: Progress) -> None:
        """The page; `timed` is a benchmark that was made already. Raises as `report` does."""
        request = Request([VerifyWish(model=self.artifact, **self.said)], str(self.places.out), Asking(timed=timed))
        make_report(request, self.places, say, progress)


def check_place(out: str | os.PathLike[str]) -> Places:
    """Where a page goes. Raises InputError's kinds for what can't be one."""
    places = Places(Path(out))
    places.check("--report")
    return places
