"""`card`: an artifact as a folder that can be pushed to the Hugging Face hub as it is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from edgedigits.api.calls import command
from edgedigits.api.given import PathLike
from edgedigits.api.result import Result
from edgedigits.errors import InputError
from edgedigits.ground import artifact_folder
from edgedigits.ground.artifact_folder import Artifact, hash_file
from edgedigits.ground.atomic import whole_folder
from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from rich.console import RenderableType

_ATTRIBUTES: Final = "*.tflite filter=lfs diff=lfs merge=lfs -text\n"
_OWN: Final = {"README.md", "labels.txt", "manifest.json", "model.tflite", ".gitattributes"}
_ID: Final = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, repr=False)
class Card(Result):
    """A folder for the hub: `path`, `metadata` as it stands in front of its README.md. Frame: "files", with their bytes."""

    FRAMES: ClassVar[tuple[str, ...]] = ("files",)

    path: Path
    metadata: JsonObject

    def as_json(self) -> JsonObject:
        return {"path": str(self.path), "files": list(self._rows("files")), "metadata": self.metadata}

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(self._in_a_line())

    def _in_a_line(self) -> str:
        return f"{self.path}: {', '.join(sorted(_OWN))}"

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        files = [self.path / name for name in sorted(_OWN)]
        return [{"file": one.name, "bytes": one.stat().st_size, "sha256": hash_file(one)} for one in files]


@command()
def card(
    artifact: Artifact | PathLike,
    *,
    out: PathLike | None = None,
    license: str | None = None,
    dataset: str | None = None,
) -> Card:
    """Write an artifact as a folder that the Hugging Face hub takes as it is: README.md with its metadata, the model, its labels.

    artifact: one, or its folder. out: the folder to write, by default the artifact's name with "-hub" behind it; only an empty
    one or an earlier one of this command is replaced. license: the id of the licence that you give it, as "mit"; dataset:
    what the data is called on the hub, as "ylecun/mnist"; what is not said stays open.

    Raises InputError's kinds for what is no artifact, one that was altered, a folder that holds other things.

    >>> found = ed.card(artifact, out="hub", license="mit")
    >>> found.metadata["pipeline_tag"], sorted(one.name for one in found.path.iterdir())[1]
    ('image-classification', 'README.md')
    """
    from edgedigits.api.report.hub_card import Said, make_metadata, write_card, write_labels

    folder = artifact.path if isinstance(artifact, Artifact) else Path(artifact)
    made = artifact_folder.read(folder)
    for name, value in (("license", license), ("dataset", dataset)):
        if value is not None and not _ID.fullmatch(value):
            raise InputError(
                f"--{name}: found {value!r}; wanted an id as on the hub, of letters, digits, '.', '-' and '_'"
            )
    place = Path(f"{folder.resolve().name}-hub") if out is None else Path(out)
    _check_place(place)
    said = Said(license, dataset)
    text, metadata = write_card(made, said), make_metadata(made, said)
    with whole_folder(place) as part:
        (part / "README.md").write_text(text, encoding="utf-8")
        (part / "labels.txt").write_text(write_labels(made.manifest), encoding="utf-8")
        (part / ".gitattributes").write_text(_ATTRIBUTES, encoding="utf-8")
        for name in ("model.tflite", "manifest.json"):
            shutil.copyfile(folder / name, part / name)
    return Card(place, metadata)


def _check_place(place: Path) -> None:
    """Raises InputError for what would be lost."""
    if place.exists() and not place.is_dir():
        raise InputError(f"--out {place}: a file; give the name of a new folder")
    held = {one.name for one in place.iterdir()} if place.is_dir() else set()
    if held - _OWN:
        raise InputError(f"--out {place}: holds {min(held - _OWN)}, which would be lost; give the name of a new folder")
