"""`demo`, and what comes of it: the shipped CNN in float and in two compressed forms, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from edgedigits.api.bench import list_model_rows, list_window_rows
from edgedigits.api.calls import command
from edgedigits.api.compress import Artifact
from edgedigits.api.given import PathLike
from edgedigits.api.progress import Watch
from edgedigits.api.result import Result
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.measure.cost.forms import Forms

NET: Final = "cnn"
NAMED: Final = "prune80_int8"
OTHER: Final = "shrink80_int8"
SHARE: Final = 0.1
"""Of that recipe's training on MNIST, which takes minutes to the quarter of an hour; it ends in as many channels."""
_SHORT: Final = (
    f"{OTHER}_short is {OTHER} with {100 * SHARE:.0f} % of its training, so that this takes minutes; `edgedigits compress "
    f"--recipe {OTHER} --zoo {NET}` does all of it, and `edgedigits recipes show {OTHER}` says what that reached"
)
_NO_MNIST: Final = (
    "MNIST is not here and can't be downloaded: using the 1,797 bundled digits and a baseline trained on them now"
)


@dataclass(frozen=True, repr=False)
class Demo(Result):
    """What the demo made and found: an artifact by each recipe, what each is against their float form, all measured in one run,
    and what the three would take on boards, foretold.

    Frames: "models", a row for each form; "boards", a row for each form on each board, cycles and milliseconds; "windows", the
    p50 of each window in microseconds.
    """

    FRAMES: ClassVar[tuple[str, ...]] = ("models", "boards", "windows")

    artifacts: tuple[Artifact, ...]
    found: Forms

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import demo as shown

        return shown.to_json(self.found)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import demo as shown

        return shown.render(self.found)

    def _in_a_line(self) -> str:
        forms = (f"{one.name} {one.latencies[0].p50_us:.1f} us" for one in self.found.models)
        return f"{NET} on {self.found.data}, p50 here: {', '.join(forms)}"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        if of == "boards":
            return [vars(one) for one in self.found.boards]
        return list(self._measured(of))

    def _measured(self, of: str) -> Iterator[Mapping[str, Any]]:
        """Of the float form once, though each report has it."""
        listed = list_model_rows if of == "models" else list_window_rows
        for at, report in enumerate(self.found.reports):
            for row in listed([("here", report)]):
                if at == 0 or row["model"] == report.compressed.name:
                    yield row


def choose_recipes(data: str) -> tuple[Recipe, Recipe]:
    """The one that is named and the one that is quick everywhere, which is shortened where data is large."""
    other = load_recipe(OTHER)
    return load_recipe(NAMED), other.shortened(SHARE) if data == "mnist" else other


@command()
def demo(out: PathLike = "artifacts", *, progress: Watch = None) -> Demo:
    """The main job twice, in minutes: compress the shipped CNN with prune80_int8 and with a shortened shrink80_int8 into `out`,
    and bench both beside its float form; what the three would take on a Zero 2 W, a Pi 4 and a Pi 5 is foretold.

    Without MNIST and a network the bundled digits stand in. Raises what `compress` and `bench` raise.

    >>> ed.demo(out=artifact.tflite)
    Traceback (most recent call last):
    edgedigits.errors.ArtifactError: ...model.tflite...can't be written...
    """
    from edgedigits.api.compress import compress_job
    from edgedigits.api.progress import telling, without_repeats
    from edgedigits.ground.atomic import check_writable
    from edgedigits.ground.processes import children

    check_writable(Path(out))
    children.warm("tensorflow")
    from edgedigits.measure.bench_job import bench_artifacts
    from edgedigits.measure.cost.forms import Forms, foretell_forms, list_forms
    from edgedigits.pipeline.prepare import Wish, prepare_job

    with telling(progress) as watched:
        told = without_repeats(watched)
        data, notes = _find_data()
        for note in notes:
            told.say(f"note: {note}")
        told.progress("load", 0.0)
        named, other = choose_recipes(data)
        job = prepare_job(named, Wish(zoo=NET, data=data), told.say, told.progress)
        artifacts = []
        for one in (job, job.with_recipe(other)):
            artifacts.append(compress_job(one, Path(out), told))
            told.say(f"artifact: {artifacts[-1].path}")
        paths = tuple(artifact.path for artifact in artifacts)
        reports = bench_artifacts(paths, told.say)
    found = Forms(data, paths, reports, foretell_forms(list_forms(reports)), notes)
    return Demo(tuple(artifacts), found)


def _find_data() -> tuple[str, tuple[str, ...]]:
    """The data there is, and what is to be known of it or of the time that it takes."""
    from edgedigits.data.sources.named import find_mnist
    from edgedigits.errors import DataError

    try:
        find_mnist()
    except DataError:
        return "digits", (_NO_MNIST,)
    return "mnist", (_SHORT,)
