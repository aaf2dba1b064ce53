"""What is asked of confidences: calibrated or as they are, and images of no class that are to be refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.gates.amounts import SHARE, parse_in

if TYPE_CHECKING:
    from edgedigits.data.dataset import Dataset
    from edgedigits.data.images import Pixels

PLAIN: Final = "plain"
CALIBRATED: Final = "calibrated"
CONFIDENCES: Final = (PLAIN, CALIBRATED)
BALANCED: Final = "balanced"
USUAL: Final = "1 %"
"""Of the validation images so many may be refused, where nothing else is said."""


@dataclass(frozen=True)
class Outliers:
    """Images of no class, uint8 of the data's shape, where they are from, and the SHA-256 over them."""

    name: str
    pixels: Pixels = field(repr=False)
    sha256: str


@dataclass(frozen=True)
class Wanted:
    """`refuse`: the share of validation images that may be refused, or "balanced"; it says nothing without outliers."""

    calibrated: bool = False
    outliers: Outliers | None = None
    refuse: float | str = 0.01

    @property
    def asked(self) -> bool:
        """Whether anything is asked at all."""
        return self.calibrated or self.outliers is not None

    def as_json(self) -> JsonObject:
        """As a manifest has it."""
        found: JsonObject = {"calibrated": self.calibrated}
        if self.outliers is None:
            return found
        told = {"name": self.outliers.name, "images": len(self.outliers.pixels), "sha256": self.outliers.sha256}
        return {**found, "outliers": told, "refuse": self.refuse}


NOTHING: Final = Wanted()


def parse_refuse(said: Any) -> float | str:
    """The share of 1 of "1 %" or 0.01, or "balanced". Raises InputError for anything else."""
    if said == BALANCED:
        return BALANCED
    from edgedigits.ground.yaml_files import show_value

    share = parse_in(said, SHARE)
    if share is None or not 0 <= share <= 0.5:
        raise InputError(
            f"--refuse: found {show_value(said)}; wanted a share from 0 to 50 %, as {USUAL}, or {BALANCED}"
        )
    return share


def make_wanted(confidence: str, outliers: str | None, refuse: Any, dataset: Dataset) -> Wanted:
    """What the options come to. Raises InputError where the data has several labels per image, DataError for outliers that can't
    be used."""
    share = parse_refuse(refuse)
    if dataset.task != "classification" and (confidence != PLAIN or outliers is not None):
        option = "--outliers" if outliers is not None else f"--confidence {confidence}"
        raise InputError(
            f"{option}: data {dataset.name} has labels that are answered each for itself, above a threshold of its own; leave it "
            "out, or choose thresholds by --thresholds tuned"
        )
    from edgedigits.data.sources.outliers import read_outliers

    found = None if outliers is None else Outliers(outliers, *read_outliers(outliers, dataset))
    return Wanted(confidence == CALIBRATED, found, share)
