"""`robustness`: how an artifact bears corrupted images, beside its float form."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import Data, PathLike, Read, make_data_wish
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.errors import InputError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.measure.findings.corrupted import Robustness


@dataclass(frozen=True, repr=False)
class Bearing(Result):
    """What `robustness` found. Frame: "corruptions", a row for each, shares of 1 and points."""

    FRAMES: ClassVar[tuple[str, ...]] = ("corruptions",)
    DRAWN: ClassVar[Drawn | None] = Drawn("corruptions", ("corruption",), "accuracy", "accuracy under it")

    name: str
    part: str
    found: Robustness

    def as_json(self) -> JsonObject:
        return {"artifact": self.name, "part": self.part, **self.found.as_json()}

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render.evidence import robustness as shown

        return shown.render(self.as_json())

    def _in_a_line(self) -> str:
        first, second = self.found.means
        return f"{self.name}, {100 * second:.2f} % under corruptions, float {100 * first:.2f} %"

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        return list(self.as_json()["corruptions"])


@command()
def robustness(
    artifact: Artifact | PathLike,
    data: Data | None = None,
    *,
    only: str | Sequence[str] = (),
    severity: int | None = None,
    seed: int = 0,
    images: int | None = None,
    validation: bool = False,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
    resizing: Resizing | None = None,
    background: str | None = None,
    classes: Sequence[str] | None = None,
    skip_bad: bool = False,
    shape: tuple[int, ...] | None = None,
    clean: CleanSaid = None,
    progress: Watch = None,
) -> Bearing:
    """Count how often an artifact and its float form are right on corrupted images: noise, blur, moves, light, dirt, lines.

    artifact: one, or its folder. data: as in `compress`; by default its own test images. only: names of corruptions, or one text
    with commas; all fifteen by default. severity: 1 to 5; None: each at that of MNIST-C's static set. The same seed spoils the
    same image alike on every machine. images: so many, of every class in proportion; None: all. validation: those of the
    validation part instead, by which something may be chosen.

    Raises InputError's kinds for an unknown corruption, for data of other classes, and where an artifact was altered.

    >>> found = ed.robustness(artifact, data, only="shear,fog", images=30, progress=False)
    >>> list(found.to_frame()["corruption"]), found.as_json()["images"]
    (['shear', 'fog'], 30)
    """
    from edgedigits.data.corruptions.corrupt import check_corruptions
    from edgedigits.data.samples import draw_sample
    from edgedigits.data.splits import split
    from edgedigits.measure.findings.corrupted import find_robustness
    from edgedigits.measure.findings.subject import find_data, find_test_images, open_subject
    from edgedigits.measure.verify.subject import VerifyWish

    if not isinstance(artifact, (Artifact, str, os.PathLike)):
        raise InputError(f"artifact: found {type(artifact).__name__}; wanted an artifact, or the folder of one")
    names = check_corruptions(tuple(only.split(",")) if isinstance(only, str) else tuple(only), severity)
    path = artifact.path if isinstance(artifact, Artifact) else Path(artifact)
    said = make_data_wish(data, None, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    with telling(progress) as told:
        subject, wish = open_subject(path), VerifyWish(model=path, **said)
        named = find_data(subject, wish, told.say) if validation or data is not None else None
        asked = find_test_images(subject, named)
        if validation and named is not None:
            asked = split(named, "0..1", 0).validation
        asked = asked if images is None else draw_sample(asked, images)
        found = find_robustness(subject.asked, asked, names, severity, seed, told.progress)
    return Bearing(str(path), "validation" if validation else "test", found)
