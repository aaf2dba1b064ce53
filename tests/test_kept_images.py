"""Images are decoded once, wherever they are kept, and are what the files hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from edgedigits.data.feed import make_training_batches
from edgedigits.data.images import Images
from edgedigits.data.keeping import kept_images, room
from edgedigits.data.keeping.kept_images import KeptImages, keep_images

PIXELS = np.random.default_rng(0).integers(0, 256, (23, 4, 3, 1)).astype(np.uint8)


@dataclass(frozen=True)
class Counted:
    """Images whose every reading is counted."""

    labels: np.ndarray = field(default_factory=lambda: np.arange(23, dtype=np.int32))
    shape: tuple[int, int, int] = (4, 3, 1)
    read_of: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: np.ndarray) -> np.ndarray:
        self.read_of.extend(indices.tolist())
        return np.asarray(PIXELS[indices])

    def subset(self, indices: np.ndarray) -> Images:
        return replace(self, labels=self.labels[indices])


@pytest.fixture(params=["memory", "disk"])
def kept(request: pytest.FixtureRequest, fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> KeptImages:
    if request.param == "disk":
        monkeypatch.setattr(kept_images, "find_memory_room", lambda: PIXELS.nbytes - 1)
    found = keep_images(Counted())
    assert isinstance(found, KeptImages)
    assert isinstance(found.store.pixels, np.memmap) == (request.param == "disk")
    return found


def test_every_epoch_after_the_first_decodes_nothing(kept: KeptImages) -> None:
    source = kept.store.source
    assert isinstance(source, Counted)
    assert not source.read_of, "nothing is decoded before it is asked for"
    for epoch in range(3):
        for pixels, labels in make_training_batches(kept, "0..255", 5, 0, epoch, None):
            assert (pixels.numpy() == PIXELS[labels.numpy()]).all()
    kept.read(np.arange(23))
    assert sorted(source.read_of) == list(range(23))


def test_parts_share_what_is_kept_and_none_can_change_it(kept: KeptImages) -> None:
    part = kept.subset(np.array([20, 3, 5])).subset(np.array([1, 0]))
    assert (part.read(np.array([0, 1, 0])) == PIXELS[[3, 20, 3]]).all()
    assert (len(part), part.labels.tolist(), part.shape) == (2, [3, 20], (4, 3, 1))
    assert isinstance(kept.store.source, Counted)
    kept.read(np.array([3, 20]))[:] = 0
    assert (kept.read(np.array([3, 20])) == PIXELS[[3, 20]]).all()
    assert kept.store.source.read_of == [3, 20]


def test_nothing_is_left_on_the_disk(kept: KeptImages, fresh_cache: Path) -> None:
    assert [path for path in fresh_cache.rglob("*") if path.is_file()] == []


def test_images_that_fit_nowhere_stay_as_they_are(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_images, "find_memory_room", lambda: 0)
    monkeypatch.setattr(kept_images, "find_disk_room", lambda _: PIXELS.nbytes - 1)
    images = Counted()
    assert keep_images(images) is images


def test_room_is_what_machine_and_container_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_CGROUP", tmp_path)
    assert 0 < room.find_memory_room() < 2**50
    (tmp_path / "memory.max").write_text("max\n")
    assert room.find_memory_room() > 2000
    (tmp_path / "memory.max").write_text("9000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert room.find_memory_room() == 2000
    assert room.find_disk_room(tmp_path / "none") == 0
