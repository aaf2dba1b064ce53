"""What is kept between runs: damage is seen, said in a line and made anew; a cache that others can write to is refused."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.files import sha256_of
from edgedigits_runner.kept import is_whole, sealed

from edgedigits.backend import keras
from edgedigits.data.sources.named import load_data
from edgedigits.data.sources.wish import DataWish
from edgedigits.errors import ArtifactError, DamagedError
from edgedigits.ground import cache_dir, kept_files
from edgedigits.ground.kept_files import check_folder, read_sealed, seal_folder, set_aside, write_sealed
from edgedigits.ground.locks import locked
from edgedigits.models.zoo.shipped import find_record_beside
from edgedigits.pipeline.stage_cache import StageCache
from edgedigits.pipeline.train import Settings, Trained, train
from edgedigits.stages.candidate import Candidate


def test_a_sealed_document_comes_back_and_any_change_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_sealed(path, {"a": 1, "b": [0.1, None, "é"], "nested": {"c": float("inf")}})
    assert read_sealed(path, {"a": is_whole})["b"] == [0.1, None, "é"]
    with pytest.raises(DamagedError, match=r"another version \(z is missing\)"):
        read_sealed(path, {"z": is_whole})
    whole, rng = path.read_bytes(), random.Random(2)
    for _ in range(200):
        at = rng.randrange(len(whole))
        damaged = rng.choice([whole[:at], whole[:at] + bytes([rng.randrange(256)]) + whole[at + 1 :], b"[]", b""])
        path.write_bytes(damaged)
        try:
            found = read_sealed(path, {})
        except DamagedError:
            continue
        assert sealed(found) == json.loads(whole), "white space only"
    path.unlink()
    with pytest.raises(DamagedError, match="No such file"):
        read_sealed(path, {})


def test_a_sealed_folder_misses_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    seal_folder(tmp_path)
    check_folder(tmp_path)
    for change, says in (
        (lambda: (tmp_path / "c").touch(), "c: does not belong there"),
        (lambda: (tmp_path / "a").write_text("A"), "a: altered or cut short"),
        (lambda: (tmp_path / "a").unlink(), "a: missing"),
        (lambda: (tmp_path / kept_files.LIST).write_text("{}"), "altered or cut short"),
    ):
        change()
        with pytest.raises(DamagedError, match=says):
            check_folder(tmp_path)
        (tmp_path / "c").unlink(missing_ok=True)
    set_aside(tmp_path / "b")
    assert (tmp_path / "b.damaged").read_text() == "b"


def damages(folder: Path) -> list[tuple[str, Callable[[Path], Any]]]:
    """Every file of a folder, with every way to damage it."""
    ways: list[Callable[[Path], Any]] = [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
        lambda path: path.write_text("[]"),
    ]
    return [(item.name, way) for item in sorted(folder.iterdir()) for way in ways]


def test_a_kept_stage_is_believed_only_whole(fresh_cache: Path) -> None:
    image = keras.layers.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(image)))
    said: list[str] = []
    cache = StageCache(say=said.append)
    assert cache.load("k") is None
    folder = fresh_cache / "stages" / "k"
    cache.keep("k", Candidate(model, {"dense/kernel": np.ones((16, 2), bool)}), {"accuracy": 0.5})
    candidate, facts = cache.load("k") or (None, {})
    assert candidate is not None
    assert (facts, list(candidate.masks)) == ({"accuracy": 0.5}, ["dense/kernel"])
    whole = {item.name: item.read_bytes() for item in folder.iterdir()}
    for name, damage in damages(folder):
        damage(folder / name)
        assert cache.load("k") is None, name
        assert "a kept stage is damaged, so it is set aside and made anew" in said[-1]
        assert "\n" not in said[-1]
        assert not folder.exists()
        folder.mkdir()
        for item, content in whole.items():
            (folder / item).write_bytes(content)
    assert len(said) == len(damages(folder))
    assert cache.load("k") is not None
    assert sorted(item.name for item in folder.parent.iterdir()) == ["k", "k.damaged"]


class Interrupted(BaseException):
    """Stands for a user's Ctrl-C."""


def test_a_damaged_checkpoint_starts_anew_with_a_line_and_ends_alike(shapes: Path, tmp_path: Path) -> None:
    data, settings, work = (
        load_data(str(shapes)),
        Settings("mlp", epochs=2, batch=60, augment="none"),
        tmp_path / "n.training",
    )

    def interrupt(line: str) -> None:
        if line.startswith("epoch 1/"):
            raise Interrupted

    def finished(say: Callable[[str], None]) -> Trained:
        return train(settings, data, work, say)

    with pytest.raises(Interrupted):
        finished(interrupt)
    whole = {item.name: item.read_bytes() for item in work.iterdir()}
    assert sorted(whole) == ["best-1.npz", "last-1.npz", "state.json"]
    ways = damages(work)[:-5] + damages(work)[-4:]  # all but a state that is missing
    undisturbed = finished(lambda _: None)
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        raise Interrupted

    for name, damage in ways:
        set_aside(work)
        work.mkdir()
        for item, content in whole.items():
            (work / item).write_bytes(content)
        damage(work / name)
        with pytest.raises(Interrupted):
            finished(note)
        assert said[-1].startswith("the checkpoint is damaged, so it is set aside and training starts anew (")
        assert name in said[-1]
    assert len(said) == 14
    again = finished(said.append)
    assert said[14] == said[13]
    assert [row.loss for row in again.history] == [row.loss for row in undisturbed.history]
    assert work.with_name("n.training.damaged").is_dir()
    for one, other in zip(again.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        assert (one == other).all()


def test_two_trainings_into_one_place_do_not_mix(shapes: Path, tmp_path: Path) -> None:
    from edgedigits.api import train as training_command

    given: dict[str, Any] = {"say": lambda _: None, "options": {}, "often": {}}
    with locked(tmp_path / "n.training"), pytest.raises(ArtifactError, match="another run trains into it now"):
        training_command.run("mlp", tmp_path / "n.keras", DataWish(data=str(shapes)), epochs=1, **given)
    with pytest.raises(ArtifactError, match="File name too long"):
        training_command.run("mlp", tmp_path / ("x" * 249 + ".keras"), DataWish(data="nowhere"), epochs=1, **given)


def test_a_training_record_is_believed_only_as_it_was_written(tmp_path: Path) -> None:
    model = tmp_path / "n.keras"
    model.write_bytes(b"weights")
    record: dict[str, Any] = {
        "schema": 2,
        "settings": asdict(Settings("mlp")),
        "data": {"name": "d", "fingerprint": "f", "classes": ["0", "1"]},
        "input": {"shape": [4, 4, 1], "scale": "0..1"},
        "model_sha256": sha256_of(model),
    }
    path = tmp_path / "n.json"
    write_sealed(path, record)
    assert (find_record_beside(model) or {})["input"]["scale"] == "0..1"
    text = path.read_text()
    for changed in (
        text.replace("0..1", "-1..1"),
        json.dumps(record),
        json.dumps({**record, "schema": 1, "input": {}}),
    ):
        path.write_text(changed)
        with pytest.raises(ArtifactError, match=r"n\.json: altered since training wrote it"):
            find_record_beside(model)
    path.write_text(json.dumps({**record, "schema": 1}))
    assert find_record_beside(model) is not None, "older records have no hash of themselves"
    for other in ("[]", "{", text.replace(record["model_sha256"], "0" * 64)):
        path.write_text(other)
        assert find_record_beside(model) is None, "a file that happens to lie there"


def test_a_cache_that_others_can_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path))
    tmp_path.chmod(0o755)
    assert cache_dir.find_cache_dir() == tmp_path
    tmp_path.chmod(0o777)
    with pytest.raises(ArtifactError, match="can be written by every user of this machine"):
        cache_dir.find_cache_dir()
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(
        ArtifactError, match=r"belongs to another user .*; set EDGEDIGITS_CACHE to a folder of your own"
    ):
        cache_dir.find_cache_dir()


def test_a_cache_that_cannot_be_written_is_found_before_the_first_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        ArtifactError, match=r"the cache can't be written .*; set EDGEDIGITS_CACHE to a folder that can be"
    ):
        StageCache().check_writable()
