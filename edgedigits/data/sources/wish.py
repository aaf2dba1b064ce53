"""What a user says of data, the same for every command that takes some: which images, how they are read, what pixels mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from edgedigits_runner.clean_settings import Clean

from edgedigits.data.dataset import Dataset
from edgedigits.data.reading import Reading, Resizing, word_clean
from edgedigits.data.scale import Scale
from edgedigits.data.sources.named import load_data, reread
from edgedigits.errors import InputError
from edgedigits.ground.facts import Say

_Wish = TypeVar("_Wish", bound="DataWish")


@dataclass(frozen=True, kw_only=True)
class DataWish:
    """The options on data, as given; `load_data` explains them. `scale` is how the model takes its pixels.

    `data` may be a data set that is read already: then it is only resized, turned grey and its classes named.
    """

    data: str | Dataset | None = None
    scale: Scale | None = None
    resize: tuple[int, int] | None = None
    grey: bool = False
    skip_bad: bool = False
    resizing: Resizing | None = None
    background: str | None = None
    classes: Sequence[str] | None = None
    shape: tuple[int, ...] | None = None
    clean: Clean | None = None

    def filled(self: _Wish, known: Reading, made: bool = False) -> _Wish:
        """With the method of resizing, the background and the cleaning of `known` where none was given. `made`: it is an
        artifact's, whose runner does what its manifest says and no more.

        Raises InputError where images would be cleaned in another way than those that the model was trained on.
        """
        own = self.clean or (self.data.reading.clean if isinstance(self.data, Dataset) else None)
        if own != known.clean and own and (known.clean or made):
            was = f"cleaned by {word_clean(known.clean)}" if known.clean else "not cleaned"
            raise InputError(
                f"--clean: found {word_clean(own)}, but the images that the model was trained on were {was}; leave --clean out"
            )
        return replace(
            self,
            resizing=self.resizing or known.resizing,
            background=self.background or known.background,
            clean=self.clean or known.clean,
        )

    def dataset(self, bits: int | None = None) -> Dataset:
        """The data that was named, MNIST where none was, read as wished; `bits` as `Reading` has it. Raises DataError."""
        if isinstance(self.data, Dataset):
            return reread(self.data, self.resize, self.grey, self.resizing, self.classes, self.clean, self.skip_bad)
        return load_data(
            self.data or "mnist",
            skip_bad=self.skip_bad,
            resize=self.resize,
            grey=self.grey,
            resizing=self.resizing,
            background=self.background,
            bits=bits,
            classes=self.classes,
            shape=self.shape,
            clean=self.clean,
        )


def tell_notes(dataset: Dataset, say: Say) -> None:
    """Says what is to be known of how the data was read."""
    for note in dataset.notes:
        say(f"note: {note}")
