"""Sources, splits, feeding and augmentation of images."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import os
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgedigits.data.dataset import Dataset, fit_to_shape
from edgedigits.data.feed import make_training_batches
from edgedigits.data.images import ArrayImages
from edgedigits.data.keeping.kept_images import KeptImages
from edgedigits.data.scale import SCALES, scale_pixels
from edgedigits.data.sources import named
from edgedigits.data.sources.arrays.npz_files import read_arrays
from edgedigits.data.sources.files.folders import FolderImages
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import LARGEST_SEED, cut_stratified, split
from edgedigits.errors import DataError, InputError
from edgedigits.pipeline.train import Settings
from tests.conftest import shapes_npz


def refused(spec: Path | str, **how: object) -> str:
    with pytest.raises(DataError) as caught:
        load_data(str(spec), **how)  # type: ignore[arg-type]
    return str(caught.value)


def arrays(count: int = 12) -> dict[str, Any]:
    labels = np.arange(count, dtype=np.uint8) % 3
    images = np.arange(count * 16, dtype=np.uint8).reshape(count, 4, 4)
    return {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}


def test_bundled_digits_are_the_real_ones_scaled_up() -> None:
    digits = load_data("digits")
    assert digits.shape == (28, 28, 1)
    assert len(digits.train) + len(digits.test) == 1797
    assert np.bincount(digits.test.labels).min() >= 30
    assert load_data("digits").fingerprint == digits.fingerprint


def test_npz_of_floats_is_the_same_data_as_of_bytes(tmp_path: Path) -> None:
    whole = arrays()
    np.savez(tmp_path / "bytes.npz", **whole)
    np.savez(
        tmp_path / "floats.npz",
        **{**whole, "x_train": whole["x_train"] / 255, "x_test": (whole["x_test"] / 255).astype("f4")},
    )
    assert load_data(str(tmp_path / "bytes.npz")).fingerprint == load_data(str(tmp_path / "floats.npz")).fingerprint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x_train": None}, "holds no x_train"),
        ({"y_train": np.eye(3)[np.arange(12) % 3]}, "of one-hot rows take the argmax"),
        ({"y_train": np.arange(12) % 3 - 1}, "label -1; classes count from 0"),
        ({"y_test": np.full(12, 7)}, "label 7, outside the classes 0..2"),
        ({"y_train": np.append(np.arange(11, dtype="u8") % 3, np.uint64(2**32 + 3))}, "label 4294967299, which no class has"),
        ({"y_train": np.append(np.arange(11, dtype="u8") % 3, np.uint64(2**64 - 1))}, "label 18446744073709551615"),
        ({"y_test": np.append(np.arange(11) % 3, 2**31)}, "y_test holds label 2147483648, which no class has"),
        ({"y_train": np.append(np.arange(11) % 3, 2**31 - 1)}, "label 2147483647, but only 12 labels"),
        ({"y_train": np.arange(12) % 2 * 2}, "no image of class 1"),
        ({"x_train": np.full((12, 4, 4), np.nan)}, "NaN or infinity in 12 images"),
        ({"x_test": np.full((12, 4, 4), np.inf, "f4")}, "x_test holds NaN or infinity"),
        ({"x_train": np.full((12, 4, 4), 2.0)}, "floats must lie in 0..1"),
        ({"x_train": np.full((12, 4, 4), 300)}, "wanted uint8 pixels"),
        ({"x_train": np.zeros((12, 4))}, "shape (12, 4)"),
        ({"x_train": np.zeros((12, 4, 4, 2), "u1")}, "1 or 3"),
        ({"x_test": np.zeros((12, 5, 4), "u1")}, "they must match"),
        ({"y_test": np.zeros(11, "u1")}, "12 images, y_test 11 labels"),
    ],
)  # fmt: skip
def test_bad_npz_is_refused_with_place_and_reason(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **{name: value for name, value in {**arrays(), **change}.items() if value is not None})
    message = refused(path)
    assert says in message
    assert message.startswith(str(path))


def test_truncated_or_pickled_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "whole.npz"
    np.savez_compressed(path, **arrays())
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 5):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        assert "not a readable .npz" in refused(tmp_path / "cut.npz")
    np.savez(tmp_path / "objects.npz", **{**arrays(), "x_train": np.array([{}], object)})
    assert "not a readable .npz" in refused(tmp_path / "objects.npz")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"12, 4, 4, 1", b"12, 4, 9**9", "names no plain type"),
        (b"12, 4, 4, 1", b"99999999, 4", "can't hold"),
        (b"12, 4, 4, 1", b"12, 4, (4(1", "names no plain type"),
        (b"12, 4, 4, 1", b"12L,4 4, L1", "whose shape is none"),
        (b"{'descr'", b"[[[[[[[[", "names no plain type"),
        (b", }   ", b", } `$ ", "something else behind"),
        (b"'|u1'", b"'|O8'", "array of Python objects"),
        (b"'|u1'", b"'|u3'", "an unknown type"),
        (b"NUMPY\1", b"NUMPY\x09", "not a .npy file"),
        (b"NUMPY\1\0v\0", b"NUMPY\2\0v\0", "a .npy head of"),
    ],
)
def test_whatever_is_wrong_with_the_head_of_an_array_is_one_sentence(
    tmp_path: Path, old: bytes, new: bytes, says: str
) -> None:
    whole = io.BytesIO()
    np.save(whole, np.zeros((12, 4, 4, 1), np.uint8))
    assert old in whole.getvalue()
    np.savez(tmp_path / "broken.npz", **{name: array for name, array in arrays().items() if name != "x_train"})
    with zipfile.ZipFile(tmp_path / "broken.npz", "a") as archive:
        archive.writestr("x_train.npy", whole.getvalue().replace(old, new))
    message = refused(tmp_path / "broken.npz")
    assert "not a readable .npz file" in message
    assert says in message


@pytest.mark.parametrize("offset", [6, 8, 10, 16, 20, 24, 28, 42])
@pytest.mark.parametrize("new", [b"\x0e\0", b"\xff\xff", b"\1\0"])
def test_whatever_is_wrong_with_the_list_of_an_npz_is_one_sentence(tmp_path: Path, offset: int, new: bytes) -> None:
    """Versions, flags, packing (14 is LZMA), checksum, sizes, names and places that are not so."""
    path = tmp_path / "broken.npz"
    np.savez(path, **arrays())
    whole = bytearray(path.read_bytes())
    start = whole.index(b"PK\1\2") + offset
    whole[start : start + 2] = new
    path.write_bytes(whole)
    with contextlib.suppress(DataError):  # some changes do no harm
        load_data(str(path))


def test_an_npz_that_unpacks_to_far_more_than_it_holds_is_refused_before(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    head = np.lib.format.magic(1, 0)
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (300, 1000, 1000), }".ljust(117) + b"\n"
    data = packer.compress(head + len(text).to_bytes(2, "little") + text)
    data += b"".join(packer.compress(bytes(10**6)) for _ in range(300)) + packer.flush()
    entry = b"\0\0\x14\0\0\0\x08\0" + bytes(8) + len(data).to_bytes(4, "little")
    entry += (10 + len(text) + 3 * 10**8).to_bytes(4, "little")
    name = b"x_train.npy"
    local = b"PK\3\4" + entry[2:] + (11).to_bytes(2, "little") + bytes(2) + name + data
    central = b"PK\1\2" + entry + (11).to_bytes(2, "little") + bytes(16) + name
    end = b"PK\5\6" + bytes(4) + b"\1\0\1\0" + len(central).to_bytes(4, "little") + len(local).to_bytes(4, "little")
    path.write_bytes(local + central + end + bytes(2))
    with pytest.raises(DataError, match=r"300000000 bytes packed into \d+, as no images are"):
        read_arrays(path, ("x_train",), "x_train")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", Path("/dev/zero")):
        assert "none of what can be read; give an .npz file" in refused(path)
    assert "can't be looked at (File name too long)" in refused("x" * 300 + ".npz")
    assert "can't be looked at" in refused("a\0b")


def test_missing_data_is_named(tmp_path: Path) -> None:
    assert "no such file or folder" in refused(tmp_path / "nothing.npz")
    (tmp_path / "text.txt").write_text("hello")
    assert "none of what can be read; give an .npz file" in refused(tmp_path / "text.txt")


@pytest.fixture
def web_server(tmp_path: Path) -> Iterator[str]:
    """A real HTTP server that holds a file mnist.npz."""
    shapes_npz(tmp_path / "mnist.npz")
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_mnist_is_downloaded_once_with_its_hash_checked(
    web_server: str, tmp_path: Path, fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named, "MNIST_URL", f"{web_server}/mnist.npz")
    assert "wanted 731c5ac6" in refused("mnist")
    assert not list((fresh_cache / "data").iterdir()), "a file of another hash is not kept, nor a part of one"
    monkeypatch.setattr(named, "MNIST_SHA256", hashlib.sha256((tmp_path / "mnist.npz").read_bytes()).hexdigest())
    assert load_data("mnist").name == "mnist"
    monkeypatch.setattr(named, "MNIST_URL", "http://127.0.0.1:9/gone")
    assert len(load_data("mnist").train) == 180


def test_mnist_without_network_names_the_three_ways(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "MNIST_URL", "http://127.0.0.1:9/mnist.npz")
    message = refused("mnist")
    for way in ("EDGEDIGITS_DATA", str(fresh_cache / "data" / "mnist.npz"), "--data digits"):
        assert way in message


def test_mnist_comes_first_from_the_folder_named_then_from_the_cache(
    tmp_path: Path, fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEDIGITS_DATA", str(tmp_path))
    (fresh_cache / "data").mkdir(parents=True)
    shapes_npz(fresh_cache / "data" / "mnist.npz", per_class=50)
    assert len(load_data("mnist").train) == 150
    shapes_npz(tmp_path / "mnist.npz")
    assert len(load_data("mnist").train) == 180


def image_folder(root: Path, channels: int = 3, size: int = 8, each: int = 10) -> Path:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for index in range(each):
            shape = (size, size, 3) if channels == 3 else (size, size)
            cv2.imwrite(str(root / name / f"{index}.png"), rng.integers(0, 256, shape).astype(np.uint8))
    return root


def test_folder_is_read_from_disk_as_needed(tmp_path: Path) -> None:
    data = load_data(str(image_folder(tmp_path / "pets")))
    assert (data.classes, data.shape, len(data.train), len(data.test)) == (("cat", "dog"), (8, 8, 3), 16, 4)
    assert isinstance(data.train, KeptImages)
    assert not data.train.store.there.any()
    assert isinstance(data.train.store.source, FolderImages)
    bgr = cv2.imread(str(data.train.store.source.paths[3]))
    assert bgr is not None
    assert (data.train.read(np.array([3]))[0] == bgr[..., ::-1]).all()


def test_grey_folder_stays_grey_and_colour_turns_grey_on_request(tmp_path: Path) -> None:
    assert load_data(str(image_folder(tmp_path / "grey", channels=1))).shape == (8, 8, 1)
    colour = image_folder(tmp_path / "colour")
    assert load_data(str(colour), grey=True, resize=(6, 5)).shape == (6, 5, 1)


def test_folder_with_its_own_test_part(tmp_path: Path) -> None:
    image_folder(tmp_path / "pets" / "train")
    image_folder(tmp_path / "pets" / "test", each=2)
    data = load_data(str(tmp_path / "pets"))
    assert (len(data.train), len(data.test)) == (20, 4)
    assert isinstance(data.test, KeptImages)
    assert isinstance(data.test.store.source, FolderImages)
    assert all("test" in Path(str(path)).parts for path in data.test.store.source.paths)


def test_corrupt_images_are_named_counted_and_left_out_only_on_request(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "pets")
    whole = (root / "cat" / "1.png").read_bytes()
    (root / "cat" / "1.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "5.png").write_bytes(b"no image")
    message = refused(root)
    assert f"{root / 'cat' / '1.png'} and 1 more" in message
    assert "--skip-bad" in message
    data = load_data(str(root), skip_bad=True)
    assert len(data.train) + len(data.test) == 18
    assert "2 unreadable images left out" in data.notes[0]


def test_empty_class_and_odd_sizes_are_refused(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "pets")
    (root / "eel").mkdir()
    assert f"{root / 'eel'}: no images" in refused(root)
    (root / "eel").rmdir()
    cv2.imwrite(str(root / "cat" / "0.png"), np.zeros((9, 8, 3), np.uint8))
    assert "pass --resize HxW" in refused(root)
    assert load_data(str(root), resize=(8, 8)).shape == (8, 8, 3)
    (tmp_path / "single" / "only").mkdir(parents=True)
    assert "at least two" in refused(tmp_path / "single")


def test_folders_are_walked_to_their_depths_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "pets")
    (root / "cat" / "more" / "still more").mkdir(parents=True)
    for number in range(4):
        (root / "cat" / f"{number}.png").rename(root / "cat" / "more" / "still more" / f"{number}.JFIF")
    (root / "cat" / "round and round").symlink_to(root / "cat")
    for name in ("._1.png", ".DS_Store", "Thumbs.db", "notes.txt", "more/list.csv"):
        (root / "cat" / name).write_bytes(b"no image")
    for name in (".ipynb_checkpoints", "__MACOSX"):
        (root / name).mkdir()
        (root / name / "1.png").write_bytes(b"")
    (root / "README").write_text("about them")
    os.mkfifo(root / "dog" / "pipe.png")
    (root / "dog" / "lost.png").symlink_to(root / "nowhere")
    data = load_data(str(root))
    assert (data.classes, len(data.train) + len(data.test)) == (("cat", "dog"), 20)
    (note,) = data.notes
    assert note.startswith("20 images in 2 classes read, left out: ")
    for said in (
        "5 hidden, or left by other programs, the first: ",
        "2 no images (1 .txt, 1 .csv), the first: ",
        "2 pipes, devices or links to nothing, the first: ",
        f"1 beside the class folders, the first: {root / 'README'}",
    ):
        assert said in note
    assert not data.warnings


def test_nothing_left_out_is_said_too(tmp_path: Path) -> None:
    assert load_data(str(image_folder(tmp_path / "pets"))).notes == ("20 images in 2 classes read, no file left out",)


def test_images_are_known_by_their_content(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "pets")
    (root / "cat" / "1.png").rename(root / "cat" / "without")
    (root / "dog" / "2.png").rename(root / "dog" / "2.txt")
    assert len(load_data(str(root)).train) == 16


@pytest.mark.parametrize(
    ("names", "counts", "says"),
    [
        (("Training", "Testing"), (20, 4), None),
        (("train", "valid"), (20, 4), "the images of valid are the test images"),
        (("train", "val", "test"), (24, 6), "val joins train"),
        (("train",), (16, 4), None),
    ],
)
def test_parts_by_all_usual_names(tmp_path: Path, names: tuple[str, ...], counts: tuple[int, int], says: str) -> None:
    root = tmp_path / "pets"
    for name, each in zip(names, (10, 2, 3), strict=False):
        image_folder(root / name, each=each)
    (root / ".ipynb_checkpoints").mkdir()
    data = load_data(str(root))
    assert (len(data.train), len(data.test)) == counts
    assert data.classes == ("cat", "dog")
    assert any(says in note for note in data.notes) if says else len(data.notes) == 1


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "things")
    (root / "dog").rename(root / "train")
    assert load_data(str(root)).classes == ("cat", "train")
    image_folder(tmp_path / "twice" / "train")
    image_folder(tmp_path / "twice" / "Training")
    assert "are both the train part" in refused(tmp_path / "twice")


def numbered_folder(root: Path) -> Path:
    """Classes 0 to 11; the grey of every image is ten times its class."""
    for label in range(12):
        (root / str(label)).mkdir(parents=True)
        for number in range(5):
            image = np.full((8, 8), 10 * label, np.uint8)
            image[0, number] += 1
            cv2.imwrite(str(root / str(label) / f"{number}.png"), image)
    return root


def test_class_names_that_are_numbers_count_as_such_and_others_can_be_named(tmp_path: Path) -> None:
    root = numbered_folder(tmp_path / "twelve")
    data = load_data(str(root))
    assert data.classes == tuple(str(label) for label in range(12))
    pixels = data.train.read(np.arange(len(data.train)))
    assert (pixels[:, 4, 4, 0] == 10 * data.train.labels).all()
    assert "class folders are all numbers and count as such: 0, 1, 2, 3" in data.notes[-1]
    sorted_as_text = tuple(sorted(data.classes))
    other = load_data(str(root), classes=sorted_as_text)
    assert other.classes == sorted_as_text
    assert other.fingerprint != data.fingerprint
    assert (other.train.read(np.arange(60 * 4 // 5))[:, 4, 4, 0] // 10).tolist() == [
        int(other.classes[label]) for label in other.train.labels
    ]
    assert "has no class 'twelve'" in refused(root, classes=(*data.classes[:-1], "twelve"))
    assert "11 is missing" in refused(root, classes=data.classes[:-1])


def test_classes_of_arrays_are_named(shapes: Path) -> None:
    assert load_data(str(shapes), classes=("top", "middle", "bottom")).classes == ("top", "middle", "bottom")
    assert load_data(str(shapes)).classes == ("0", "1", "2")
    assert "names 2 different classes" in refused(shapes, classes=("top", "bottom"))


def test_blank_images_are_counted_and_kept(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "pets")
    cv2.imwrite(str(root / "cat" / "0.png"), np.full((8, 8, 3), (1, 2, 3), np.uint8))
    data = load_data(str(root))
    assert len(data.train) + len(data.test) == 20
    assert data.warnings == (f"blank images (one value everywhere): 1, the first: {root / 'cat' / '0.png'}",)
    whole = arrays()
    whole["x_train"] = whole["x_train"].copy()
    whole["x_train"][3] = 7
    np.savez(tmp_path / "a.npz", **whole)
    assert load_data(str(tmp_path / "a.npz")).warnings == (
        f"{tmp_path / 'a.npz'}: blank images (one value everywhere): 1",
    )


def deep_folder(root: Path, bits: int) -> Path:
    """16-bit images of so many bits; where eight are left, they are those of `image_folder`."""
    image_folder(root, channels=1)
    for path in root.rglob("*.png"):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        cv2.imwrite(str(path), pixels.astype(np.uint16) << (bits - 8))
    return root


def test_sixteen_bits_are_read_alike_in_the_whole_set(tmp_path: Path) -> None:
    plain = load_data(str(image_folder(tmp_path / "plain", channels=1)))
    deep = load_data(str(deep_folder(tmp_path / "deep", 12)))
    assert (plain.reading.bits, deep.reading.bits) == (None, 12)
    rows = np.arange(len(plain.train))
    np.testing.assert_array_equal(deep.train.read(rows), plain.train.read(rows))
    assert "uses 12 of its 16 bits" in refused(tmp_path / "deep", bits=10)


def test_reading_is_part_of_what_a_folder_is(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "pets", size=9)
    marks = [
        load_data(str(root), **how).fingerprint
        for how in (
            {"resize": (5, 5)},
            {"resize": (5, 5), "resizing": "keras"},
            {"resize": (5, 5), "background": "black"},
        )
    ]
    assert len(set(marks)) == 3
    resized = load_data(str(root), resize=(5, 5), resizing="lanczos")
    original = load_data(str(root)).train
    from edgedigits_runner.resizing import resized as by_runner

    np.testing.assert_array_equal(
        resized.train.read(np.arange(4)), by_runner(original.read(np.arange(4)), 5, 5, "lanczos")
    )


def test_arrays_are_resized_by_the_method_that_was_asked_for(shapes: Path) -> None:
    from edgedigits_runner.resizing import resized as by_runner

    plain, keras = load_data(str(shapes), resize=(7, 7)), load_data(str(shapes), resize=(7, 7), resizing="keras")
    assert plain.fingerprint != keras.fingerprint
    source = load_data(str(shapes)).train.read(np.arange(9))
    np.testing.assert_array_equal(keras.train.read(np.arange(9)), by_runner(source, 7, 7, "keras"))
    assert (keras.reading.size, keras.reading.resizing) == ((7, 7), "keras")


def test_images_of_the_wrong_shape_say_what_would_do(shapes: Path) -> None:
    data = load_data(str(shapes))
    with pytest.raises(DataError, match="pass --resize 32x32"):
        fit_to_shape(data, (32, 32, 1))
    colour = fit_to_shape(data, (12, 12, 3))
    assert (colour.train.read(np.array([0]))[..., 2] == data.train.read(np.array([0]))[..., 0]).all()
    with pytest.raises(DataError, match="pass --grey"):
        fit_to_shape(colour, (12, 12, 1))


def test_splits_are_disjoint_stratified_and_the_same_for_every_run_seed(shapes: Path) -> None:
    data = load_data(str(shapes))
    numbered = np.arange(len(data.train))
    one, two = split(data, "0..1", seed=1), split(data, "0..1", seed=2)
    parts = {name: getattr(one, name) for name in ("fit", "validation", "calibration")}
    found = [image.tobytes() for part in parts.values() for image in part.read(np.arange(len(part)))]
    assert len(found) == len(set(found)) == len(numbered)
    for name, part in parts.items():
        assert np.ptp(np.bincount(part.labels)) <= 1
        assert (part.labels == getattr(two, name).labels).all()
    assert (one.validation.read(np.arange(3)) == two.validation.read(np.arange(3))).all()
    assert (
        split(data, "0..1", seed=1, split_seed=9).validation.read(np.arange(3)) != one.validation.read(np.arange(3))
    ).any()


def test_cut_takes_at_least_one_of_each_class_and_never_all() -> None:
    labels = np.array([0] * 50 + [1] * 2, np.int32)
    rest, cut = cut_stratified(labels, 5, np.random.default_rng(0))
    assert set(labels[rest]) == set(labels[cut]) == {0, 1}


def small(*counts: int, test: int = 1) -> Dataset:
    """So many training images of each class, so many test images in all."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    train = ArrayImages(np.arange(len(labels), dtype=np.uint8).repeat(16).reshape(-1, 4, 4, 1), labels)
    names = tuple(str(label) for label in range(len(counts)))
    return Dataset("small", names, train, train.subset(np.arange(test)), "mark")


@pytest.mark.parametrize("counts", [(2,), (2, 2), (1, 2), (3, 1, 1), (2, 40), (5, 5, 5)])
def test_no_part_of_a_small_set_is_empty(counts: tuple[int, ...]) -> None:
    found = split(small(*counts), "0..1", 0)
    fit, validation = (set(map(bytes, part.read(np.arange(len(part))))) for part in (found.fit, found.validation))
    assert min(len(fit), len(validation), len(found.calibration)) >= 1
    assert not fit & validation
    assert len(found.fit) + len(found.validation) <= sum(counts)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (small(1), "holds one training image, no two of one class, so none can be kept apart"),
        (small(1, 1, 1), "holds 3 training images, no two of one class"),
        (small(0, test=0), "holds 0 training images"),
        (small(5, 5, test=0), "holds 10 images and none for the test"),
    ],
)
def test_a_set_too_small_to_judge_by_is_refused(data: Dataset, says: str) -> None:
    with pytest.raises(DataError, match=says):
        split(data, "0..1", 0)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_the_generators_do_not_take_are_refused(seed: int, shapes: Path) -> None:
    with pytest.raises(InputError, match=f"seed {seed}: wanted a whole number from 0 to 4294967295"):
        split(load_data(str(shapes)), "0..1", seed)
    with pytest.raises(InputError, match="wanted a whole number"):
        Settings("mlp", seed=seed)


def test_the_largest_seed_is_taken_all_the_way(shapes: Path) -> None:
    from edgedigits.backend import seed_everything
    from edgedigits.data.augmentation.augment import Augment

    data = split(load_data(str(shapes)), "0..1", LARGEST_SEED)
    seed_everything(data.seed)
    images, _ = next(iter(make_training_batches(data.fit, data.scale, 8, data.seed, 3, Augment())))
    assert np.isfinite(images).all()


@pytest.mark.parametrize("scale", SCALES)
def test_scales_cover_their_range(scale: str) -> None:
    low, high = (float(part) for part in scale.split(".."))
    pixels = np.array([0, 255], np.uint8)
    assert scale_pixels(pixels, scale).tolist() == pytest.approx([low, high])
    assert scale_pixels(pixels, scale).dtype == np.float32


@pytest.mark.parametrize("augmented", [False, True])
def test_epochs_together_are_those_alone(augmented: bool, shapes: Path) -> None:
    from edgedigits.data.augmentation.augment import Augment
    from edgedigits.data.feed import make_training_batches

    images, augment = load_data(str(shapes)).train, Augment() if augmented else None
    alone = [step for number in (2, 3, 4) for step in make_training_batches(images, "0..1", 32, 7, number, augment)]
    together = list(make_training_batches(images, "0..1", 32, 7, 2, augment, epochs=3))
    assert len(alone) == len(together) == 15
    for (pixels, labels), (same_pixels, same_labels) in zip(alone, together, strict=True):
        assert (pixels.numpy() == same_pixels.numpy()).all()
        assert (labels.numpy() == same_labels.numpy()).all()


def test_batches_are_the_same_for_the_same_seed_and_epoch(shapes: Path) -> None:
    from edgedigits.data.augmentation.augment import Augment
    from edgedigits.data.feed import make_training_batches

    images = load_data(str(shapes)).train

    def epoch(seed: int, number: int, augment: Augment | None) -> list[np.ndarray]:
        return [x.numpy() for x, _ in make_training_batches(images, "0..1", 32, seed, number, augment)]

    first, again = epoch(0, 1, Augment()), epoch(0, 1, Augment())
    assert len(first) == 180 // 32
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    for other in (epoch(1, 1, Augment()), epoch(0, 2, Augment()), epoch(0, 1, None)):
        assert (first[0] != other[0]).any()


def test_augmentation_of_nothing_changes_nothing_and_shift_moves() -> None:
    from edgedigits.data.augmentation.augment import Augment

    images = np.random.default_rng(0).random((4, 9, 11, 2)).astype(np.float32) * 255
    still = Augment(rotation_degrees=0, shift=0, zoom=0, shear=0)(images, [1, 2]).numpy()
    assert np.abs(still - images).max() < 1e-3
    moved = Augment(rotation_degrees=0, shift=0.5, zoom=0, shear=0)(images, [1, 2]).numpy()
    assert np.abs(moved - images).max() > 10
    assert images.min() - 1e-3 <= moved.min()
    assert moved.max() <= images.max() + 1e-3


def test_elastic_bends_smoothly_and_else_reads_as_the_affine_map() -> None:
    import tensorflow as tf

    from edgedigits.data.augmentation.augment import Augment

    images = np.random.default_rng(0).random((5, 12, 9, 2)).astype(np.float32) * 255
    faint, affine = Augment(elastic=1e-9), Augment()
    draws = faint.draws(5, [1, 2])
    assert np.abs(faint.moved(images, draws).numpy() - affine.moved(images, draws[:, :7]).numpy()).max() < 0.1
    # On a ramp the value read is the place it is read from: nowhere further than the limit allows, and without jumps.
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32)[None, None, :, None], (20, 40, 40, 1))
    bent = Augment(rotation_degrees=0, shift=0, zoom=0, shear=0, elastic=0.05)(ramp, [3, 4]).numpy()
    apart = np.abs(bent - ramp)
    assert 0.5 < apart.max() < 1.3 * 0.05 * 40, "bicubic interpolation overshoots its knots by less than a third"
    assert np.abs(np.diff(bent - ramp, axis=1)).max() < 1
    rows = [4, 0]
    assert np.array_equal(
        faint.moved(images[rows], tf.gather(draws, rows)).numpy(), faint.moved(images, draws).numpy()[rows]
    )
    one_pixel = np.full((2, 1, 1, 1), 7.0, np.float32)
    assert Augment(elastic=0.1)(one_pixel, [1, 2]).numpy().ravel().tolist() == [7.0, 7.0]
