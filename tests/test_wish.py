"""What a user says of data and of a model: written once, the same for all commands that take it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from edgedigits.cli.main import cli
from edgedigits.data.reading import Reading
from edgedigits.data.scale import NAMED
from edgedigits.data.sources.named import load_data
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.errors import InputError, ModelError
from edgedigits.measure import bench_job
from edgedigits.models.zoo.wish import ModelWish
from edgedigits.pipeline import prepare
from edgedigits.pipeline.advise.question import Asked

WISHES: dict[str, type[DataWish]] = {
    "train": DataWish,
    "compress": prepare.Wish,
    "advise": Asked,
    "bench": bench_job.BenchWish,
}


@pytest.mark.parametrize("name", WISHES)
def test_every_command_takes_the_same_of_data(name: str) -> None:
    said = {parameter.name for parameter in cli.commands[name].params}
    own = {field.name for field in fields(DataWish)}
    assert issubclass(WISHES[name], DataWish)
    assert own <= said
    if name in ("compress", "advise"):
        assert issubclass(WISHES[name], ModelWish)
        assert {field.name for field in fields(ModelWish)} - own <= said


@pytest.mark.parametrize("wish", [DataWish(resizing="keras"), prepare.Wish(background="black"), ModelWish()])
def test_what_is_not_said_is_as_the_model_was_trained(wish: DataWish) -> None:
    found = wish.filled(Reading(size=(3, 3), resizing="bicubic", grey=True, background="#123456"))
    assert type(found) is type(wish)
    assert found.resizing == (wish.resizing or "bicubic")
    assert found.background == (wish.background or "#123456")
    assert (found.resize, found.grey) == (None, False), "size and colour are for the one who asks"


def test_data_is_read_as_wished(shapes: Path) -> None:
    wish = DataWish(data=str(shapes), resize=(7, 6), resizing="keras", classes=("top", "middle", "bottom"))
    found = wish.dataset()
    plain = load_data(str(shapes), resize=(7, 6), resizing="keras", classes=("top", "middle", "bottom"))
    assert (found.classes, found.shape) == (("top", "middle", "bottom"), (7, 6, 1))
    assert (found.fingerprint, found.reading) == (plain.fingerprint, plain.reading)
    said: list[str] = []
    tell_notes(found, said.append)
    assert said == [f"note: {note}" for note in found.notes]


def test_a_model_is_a_file_or_a_net_not_both(tmp_path: Path) -> None:
    assert (ModelWish().own(), ModelWish().net, ModelWish(zoo="pico").net) == (None, "cnn", "pico")
    assert ModelWish(model=tmp_path).own() == tmp_path
    for given, kind, says in (
        ({"model": tmp_path, "zoo": "cnn"}, InputError, "--model and --zoo: both were given; choose one"),
        ({"model": tmp_path / "no.keras"}, ModelError, f"--model {tmp_path / 'no.keras'}: no such file or folder"),
    ):
        with pytest.raises(kind) as caught:
            _wish(given).own()
        assert str(caught.value) == says


def _wish(given: dict[str, Any]) -> ModelWish:
    return ModelWish(**given)


def test_a_scale_is_as_given_else_as_recorded(tmp_path: Path) -> None:
    from edgedigits.models.zoo.shipped import find_shipped_folder

    shipped = find_shipped_folder() / "nano.keras"
    assert ModelWish(scale="-1..1").scale_of(shipped) == NAMED["-1..1"]
    assert ModelWish().scale_of(shipped) == NAMED["0..1"]
    assert ModelWish().scale_of(tmp_path / "other.keras") is None
    with pytest.raises(InputError, match=r"^--scale: "):
        ModelWish(scale="imagenet").scale_of(shipped)
