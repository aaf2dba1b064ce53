"""What a user says of a model, the same for every command that takes one: a file, or a net of the zoo; and its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgedigits.data.reading import PLAIN, parse_reading
from edgedigits.data.scale import Scaling, parse_scaling
from edgedigits.data.sources.wish import DataWish
from edgedigits.errors import InputError, ModelError
from edgedigits.models.classical.skops_file import SUFFIX
from edgedigits.models.zoo.shipped import find_record_beside

_Wish = TypeVar("_Wish", bound="ModelWish")


@dataclass(frozen=True, kw_only=True)
class ModelWish(DataWish):
    """The options on a model and its data, as given. `custom`: the user's own layer classes, "module:Class"."""

    model: Path | None = None
    zoo: str | None = None
    custom: Sequence[str] = ()

    @property
    def net(self) -> str:
        """The net of the zoo that is meant where no model of the user's is."""
        return self.zoo or "cnn"

    def own(self) -> Path | None:
        """The user's model; None where it is a net of the zoo. Raises InputError where both are named, ModelError for no file."""
        if self.model and self.zoo:
            raise InputError("--model and --zoo: both were given; choose one")
        if self.model is not None and not self.model.exists():
            raise ModelError(f"--model {self.model}: no such file or folder")
        if self.model is not None and self.model.suffix == SUFFIX:
            raise ModelError(
                f"--model {self.model}: a classical model, of which no TFLite file is made; it can teach: name it in a recipe of "
                f"yours, as distil: {{teacher: {self.model.name}}}, and give the net that the recipe begins with"
            )
        return self.model

    def scale_of(self, path: Path) -> Scaling | None:
        """As given, else as the training record beside the model `path` tells; None where neither does. Raises InputError."""
        if self.scale is not None:
            return parse_scaling(self.scale, "--scale")
        record = find_record_beside(path)
        return parse_scaling(record["input"]["scale"], f"{path.with_suffix('.json')}: scale") if record else None

    def read_as_trained(self: _Wish, path: Path) -> _Wish:
        """Images as the training record beside the model `path` tells that it met them, where nothing else was given. Raises
        InputError where that is to clean them in another way."""
        record = find_record_beside(path)
        return self.filled(parse_reading(record["input"]) if record else PLAIN)
