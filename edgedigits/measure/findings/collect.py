"""All that is found of one artifact, a part after the other; what can't be found is left out, with the reason in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from edgedigits.data.dataset import Dataset
from edgedigits.data.samples import draw_sample
from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import JsonObject, Progress, Say
from edgedigits.measure.bench_result import Report
from edgedigits.measure.findings import accuracy, calibration, class_scores, flips, sizes, timing
from edgedigits.measure.findings.answers import Both, ask_both
from edgedigits.measure.findings.subject import Subject, find_data, find_test_images, open_subject
from edgedigits.measure.findings.timing import Clock
from edgedigits.measure.verify.subject import VerifyWish
from edgedigits.measure.verify.verify import verify

TIMED_IMAGES: Final = 128
"""So many are enough to see that a runtime answers; accuracy is counted on all of them, apart."""
ON_IMAGES: Final = ("classes", "calibration", "flips")


@dataclass(frozen=True)
class Asking:
    """What is asked for beside the artifact: how long to measure, and a benchmark that was made already."""

    clock: Clock = field(default_factory=Clock)
    timed: Report | None = None


class _Parts:
    """The document as it grows; `left_out` says why a part is not in it."""

    def __init__(self) -> None:
        self.found: JsonObject = {}
        self.left_out: dict[str, str] = {}

    def add(self, name: str, find: Callable[[], Any]) -> Any:
        """What `find` gives, None where it can't be had."""
        try:
            self.found[name] = find()
        except EdgeDigitsError as error:
            self.found[name], self.left_out[name] = None, str(error)
        return self.found[name]


def collect(wish: VerifyWish, asking: Asking, say: Say, progress: Progress) -> JsonObject:
    """Everything that a report tells of the artifact in `wish.model`. Raises ArtifactError where it is none or altered, DataError
    where data that was named can't be used; what is not named and not there leaves parts out."""
    subject = open_subject(wish.model)
    progress("data", 0.0)
    named = None if wish.data is None else find_data(subject, wish, say)
    parts = _Parts()
    both = _ask(subject, named, parts, progress)
    _count(subject, both, parts)
    parts.add("ledger", lambda: sizes.describe_ledger(subject.before, subject.after))
    parts.add("zeros", lambda: sizes.describe_zeros(subject.after))
    parts.add("cycles", lambda: sizes.describe_cycles(*subject.flats))
    parts.add("boards", lambda: sizes.describe_boards(subject.before, subject.after))
    progress("layers", 0.5)
    parts.add("layers", lambda: _verify(named, wish, say))
    progress("times", 0.7)
    _time(subject, both, asking, parts, say)
    return {"manifest": subject.manifest, **parts.found, "left_out": parts.left_out}


def _ask(subject: Subject, named: Dataset | None, parts: _Parts, progress: Progress) -> Both | None:
    """The answers of both forms; None, with the reason for each part that needs them, where there are no images."""
    try:
        images = find_test_images(subject, named)
        progress("answers", 0.1)
        return ask_both(*subject.asked, images, subject.classes)
    except EdgeDigitsError as error:
        if named is not None:
            raise
        parts.left_out |= dict.fromkeys(ON_IMAGES, str(error))
        return None


def _count(subject: Subject, both: Both | None, parts: _Parts) -> None:
    if both is None:
        test = subject.manifest.get("test")
        parts.found |= {"accuracy": accuracy.read_accuracy(test) if test else None, **dict.fromkeys(ON_IMAGES)}
        if not test:
            parts.left_out["accuracy"] = parts.left_out["classes"]
        return
    parts.add("accuracy", lambda: accuracy.describe_accuracy(both))
    parts.add("classes", lambda: class_scores.describe_classes(both))
    parts.add("calibration", lambda: calibration.describe_calibration(both))
    parts.add("flips", lambda: flips.describe_flips(both))


def _verify(named: Dataset | None, wish: VerifyWish, say: Say) -> JsonObject:
    """Layer by layer, on validation images."""
    own = wish if named is None else replace(wish, data=named, skip_bad=False, background=None, shape=None, clean=None)
    report, _ = verify(own, None, None, say)
    return report.as_json()


def _time(subject: Subject, both: Both | None, asking: Asking, parts: _Parts, say: Say) -> None:
    if (timed := asking.timed) is not None:
        parts.add("latency", lambda: timing.describe_latency(timed))
    elif both is None:
        parts.found["latency"], parts.left_out["latency"] = None, parts.left_out["classes"]
    else:
        few, clock = draw_sample(both.images, TIMED_IMAGES), asking.clock
        parts.add("latency", lambda: timing.describe_latency(timing.time_forms(*subject.contestants, few, clock, say)))
    parts.add("operators", lambda: timing.describe_operators(subject.files[1], asking.clock, say))
