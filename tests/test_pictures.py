"""Image files as a viewer shows them: against Pillow, which decodes them by other code."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from edgedigits_runner import picture_kinds
from edgedigits_runner.picture_errors import PictureError
from edgedigits_runner.pictures import decode, grey, opened, used_bits
from edgedigits_runner.reading import colour_of
from PIL import Image, ImageOps

RNG = np.random.default_rng(2)
COLOURS = RNG.integers(0, 256, (9, 7, 3), np.uint8)
GREY, ALPHA = COLOURS[..., 0], RNG.integers(0, 256, (9, 7), np.uint8)
ALPHA[0, :2] = 0, 255
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "TIFF": {}, "BMP": {}, "WEBP": {"lossless": True, "exact": True}}


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def shown(data: bytes, background: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    """As Pillow has it: upright, laid on a background; RGB."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, (*background, 255)), picture))[..., :3]


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "GIF", "PPM"])
@pytest.mark.parametrize("what", ["grey", "colour", "palette", "grey palette", "one bit"])
def test_every_kind_is_read_as_it_is_shown(kind: str, what: str) -> None:
    colour = Image.fromarray(COLOURS)
    picture = {
        "grey": Image.fromarray(GREY),
        "colour": colour,
        "palette": colour.convert("P", palette=Image.Palette.ADAPTIVE, colors=16),
        "grey palette": Image.fromarray(GREY).convert("P"),
        "one bit": Image.fromarray(GREY > 99),
    }[what]
    if kind in {"JPEG", "PPM"} and "palette" in what:
        picture = picture.convert("RGB")
    data = saved(picture, kind, **LOSSLESS.get(kind, {}))
    found = decode(data)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - shown(data)).max() <= (3 if kind == "JPEG" else 0)
    if what in {"grey", "grey palette"} and kind in {"PNG", "GIF", "BMP"}:
        assert found.shape == (9, 7, 1), "what is grey stays so"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_images_are_turned_upright(kind: str, turned: int) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a maker", turned
    smooth = Image.fromarray(cv2.resize(COLOURS[:3, :2], (32, 16), interpolation=cv2.INTER_LINEAR))
    options = {"quality": 95} if kind == "JPEG" else LOSSLESS[kind]
    data = saved(smooth, kind, exif=exif, **options)
    found = decode(data)
    assert found.shape == ((32, 16, 3) if turned >= 5 else (16, 32, 3))
    assert np.abs(found.astype(int) - shown(data)).max() <= 3


@pytest.mark.parametrize(
    "note", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"no note at all", b"\0" * 50]
)
def test_a_malformed_note_is_none(note: bytes) -> None:
    data = saved(Image.fromarray(COLOURS), "PNG")
    chunk = b"eXIf" + note
    at = 33  # after IHDR
    data = data[:at] + struct.pack(">I", len(note)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[at:]
    np.testing.assert_array_equal(decode(data), COLOURS)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("background", ["white", "black", "#40c0ff"])
def test_transparency_shows_the_background(kind: str, background: str) -> None:
    data = saved(Image.fromarray(np.dstack([COLOURS, ALPHA])), kind, **LOSSLESS[kind])
    ground = colour_of(background)
    found = decode(data, background)
    assert np.abs(found.astype(int) - shown(data, ground)).max() <= 1
    assert found[0, 0].tolist() == list(ground)
    assert found[0, 1].tolist() == COLOURS[0, 1].tolist()
    if kind != "TIFF":  # which OpenCV hands on multiplied already
        share = ALPHA[..., None].astype(int)
        np.testing.assert_array_equal(found, (COLOURS * share + np.array(ground) * (255 - share) + 127) // 255)


def test_transparent_grey_stays_grey_on_grey() -> None:
    data = saved(Image.fromarray(np.dstack([GREY, ALPHA]), mode="LA"), "PNG")
    found = decode(data)
    assert found.shape == (9, 7, 1)
    assert np.abs(found.astype(int) - shown(data)[..., :1]).max() <= 1
    assert decode(data, "#ff0000").shape == (9, 7, 3)
    opaque = saved(Image.fromarray(np.dstack([GREY, np.full_like(GREY, 255)]), mode="LA"), "PNG")
    np.testing.assert_array_equal(decode(opaque)[..., 0], GREY)
    with pytest.raises(PictureError, match="save it as PNG"):
        decode(saved(Image.fromarray(np.dstack([GREY, ALPHA]), mode="LA"), "TIFF"))


@pytest.mark.parametrize(
    ("picture", "options"),
    [
        (Image.fromarray(GREY), {"transparency": int(GREY[3, 3])}),
        (Image.fromarray(COLOURS), {"transparency": tuple(int(c) for c in COLOURS[3, 3])}),
        (Image.fromarray(COLOURS).convert("P", palette=Image.Palette.ADAPTIVE, colors=8), {"transparency": 3}),
        (Image.fromarray(GREY > 99), {"transparency": 0}),
    ],
)
def test_a_transparent_colour_of_png(picture: Image.Image, options: dict[str, Any]) -> None:
    data = saved(picture, "PNG", **options)
    found = decode(data, "#40c0ff")
    np.testing.assert_array_equal(found, shown(data, colour_of("#40c0ff")))
    assert (found == (0x40, 0xC0, 0xFF)).all(axis=2).any()


def test_gif_shows_its_first_frame() -> None:
    palette = Image.fromarray(COLOURS).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    more = Image.fromarray(255 - COLOURS).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    data = saved(palette, "GIF", save_all=True, append_images=[more])
    np.testing.assert_array_equal(decode(data), shown(data))
    clear = saved(palette, "GIF", transparency=int(np.asarray(palette)[2, 2]))
    assert decode(clear, "#40c0ff")[2, 2].tolist() == [0x40, 0xC0, 0xFF]


@pytest.mark.parametrize("bits", range(9, 17))
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
def test_sixteen_bits_are_read_by_those_in_use(bits: int, suffix: str) -> None:
    deep = (GREY.astype(np.uint16) << (bits - 8)) | 1
    deep[0, 0] = 2**bits - 1
    data = cv2.imencode(suffix, deep)[1].tobytes()
    with opened(data) as image:
        assert used_bits(image) == bits
    np.testing.assert_array_equal(decode(data, bits=bits)[..., 0], deep >> (bits - 8))
    np.testing.assert_array_equal(decode(data)[..., 0], deep >> 8)
    if bits > 9:
        with pytest.raises(PictureError, match=f"uses {bits} of its 16 bits, .* use {bits - 1};"):
            decode(data, bits=bits - 1)


def test_sixteen_bits_with_transparency() -> None:
    deep = np.dstack([COLOURS, ALPHA]).astype(np.uint16)
    deep[..., :3] <<= 4
    deep[..., 3] *= 257
    deep[0, 0, :3] = 65535  # can't be seen, so it tells nothing
    data = cv2.imencode(".png", deep[..., [2, 1, 0, 3]])[1].tobytes()
    with opened(data) as image:
        assert used_bits(image) == 12
    share = ALPHA[..., None].astype(int)
    wanted = (COLOURS * share + 255 * (255 - share) + 127) // 255
    wanted[0, 0] = 255
    np.testing.assert_array_equal(decode(data, bits=12), wanted)


def test_the_fourth_byte_of_a_bitmap_counts_only_where_it_is_said_to() -> None:
    data = cv2.imencode(".bmp", np.dstack([COLOURS, ALPHA])[..., [2, 1, 0, 3]])[1].tobytes()
    assert decode(data)[0, 0].tolist() == [255, 255, 255]
    plain = saved(Image.fromarray(np.dstack([COLOURS, ALPHA])), "BMP")
    np.testing.assert_array_equal(decode(plain), COLOURS)


@pytest.mark.parametrize("most", [1, 15, 100, 255])
@pytest.mark.parametrize("head", ["P5\n# a note\n4 3\n{}\n", "P6 2 2 {} "])
def test_the_greatest_number_of_netpbm_is_white(head: str, most: int) -> None:
    data = head.format(most).encode() + np.random.default_rng(2).integers(0, most + 1, 12, np.uint8).tobytes()
    np.testing.assert_array_equal(decode(data), shown(data)[..., : 1 if head[1] == "5" else 3])


def test_grey_is_opencvs_to_the_bit() -> None:
    colours = np.random.default_rng(2).integers(0, 256, (200, 200, 3), np.uint8)
    np.testing.assert_array_equal(grey(colours)[..., 0], cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY))


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_an_image(order: Any) -> None:
    np.testing.assert_array_equal(decode(npy(np.asarray(COLOURS, order=order))), COLOURS)
    np.testing.assert_array_equal(decode(npy(GREY))[..., 0], GREY)


def png(width: int, height: int, body: bytes = bytes(1000), depth: int = 8, colour: int = 2) -> bytes:
    """Of that announced size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "can't be decoded"),
        (b"GIF89a", "can't be decoded"),
        (b"text", "can't be decoded as an image"),
        (b"P5\n4 4\n255\n" + bytes(15), "4x4 pixels are announced"),
        (b"P6\n99999999 99999999\n255\n", "are announced"),
        (b"P5\nfour 4\n255\n", "header"),
        (b"P5\n0 4\n255\n", "announced"),
        (npy(np.zeros((4, 4), np.float32)), "holds float32 [4, 4, 1]; give uint8"),
        (npy(np.zeros((2, 4, 4, 3), np.uint8)), "give uint8"),
        (npy(np.array([{}], object)), "not a whole .npy file"),
        (npy(np.zeros((40, 40), np.uint8))[:300], "not a whole .npy file"),
        (npy(GREY).replace(b"(9, 7)", b"(9L7,)"), ".npy"),
        (npy(GREY).replace(b"'shape'", b"'shape("), ".npy"),
        (npy(GREY).replace(b"(9, 7), }      ", b"(99999999, 99)}"), ".npy"),
        (saved(Image.fromarray(np.zeros((9, 7), np.float32)), "TIFF"), "holds float32 numbers"),
        (saved(Image.fromarray(COLOURS).resize((90, 90)), "JPEG")[:-200], "the end of the JPEG is missing"),
        (saved(Image.fromarray(COLOURS), "PNG")[:60], "can't be decoded"),
        (png(4, 4).replace(b"\0\0\0\0IEND", b"\x7f\xff\xff\xffzTXt"), "the end of the PNG is missing"),
        (png(30000, 30000), "30000x30000 pixels are announced, they are not there"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_picture(data: bytes, said: str) -> None:
    with pytest.raises(PictureError) as caught:
        decode(data)
    assert said in caught.value.message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_sizes_are_compared_with_a_limit_before_anything_is_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.fromarray(COLOURS), kind)
    size = picture_kinds.announced(data, picture_kinds.kind_of(data) or "")
    assert size is not None
    assert (size.width, size.height) == (7, 9)
    assert decode(data, most_pixels=63).shape[:2] == (9, 7)
    monkeypatch.setattr("edgedigits_runner.pictures._decoded", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(PictureError, match="announces 7x9 pixels; images of up to 62 are read"):
        decode(data, most_pixels=62)


def test_of_large_images_one_is_decoded_at_a_time() -> None:
    """In a process of its own, whose memory is looked at; what counts as large is made smaller for it."""
    code = (
        "import sys; from concurrent.futures import ThreadPoolExecutor\n"
        "from edgedigits_runner import pictures; import cv2; pictures._BIG_BYTES = 2**20\n"
        "data = sys.stdin.buffer.read()\n"
        "def most(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024\n"
        "before = most()\n"
        "with ThreadPoolExecutor(3) as pool: list(pool.map(lambda _: pictures.decode(data).shape, range(3)))\n"
        "print(most() - before)\n"
    )
    side = 2200  # smaller ones the C library does not give back at once
    data = png(side, side, bytes(side * (1 + 8 * side)), 16, 6)
    device = Path(__file__).parent.parent / "device"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(device)},
        input=data,
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) < 4 * side * side * 8, "three at a time take six times that"
