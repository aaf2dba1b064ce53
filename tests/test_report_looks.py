"""The page of a report in a real browser: on a phone and on a desk, light and dark, with nothing cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pytest

import edgedigits as ed
from tests import tiny_release
from tests.browser import Scheme, find_browser, look, photograph

pytestmark = pytest.mark.device

WIDTHS: Final = {"phone": 390, "desk": 1280}
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
LIKENESS: Final = Path(__file__).parent / "golden" / "report"
"""Pictures of what was seen when somebody looked, a sixteenth as large; `python -m tests.test_report_looks` makes them anew."""
SMALLER: Final = 16
MOST_APART: Final = 12.0
"""Of 255, in the mean over all pixels: other fonts and other digits come to half of it."""


def make_page(folder: Path, data: Path) -> Path:
    """The report of the tiny artifact."""
    page = folder / "page.html"
    ed.report(tiny_release.made(data), str(data), out=page, windows=1, window=0.05, progress=False)
    return page


@pytest.fixture(scope="module")
def page(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    find_browser()
    return make_page(tmp_path_factory.mktemp("looks"), shapes)


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_cut_off_in_either_scheme(page: Path, width: int, tmp_path: Path) -> None:
    light, dark = (look(page, width, scheme, tmp_path) for scheme in SCHEMES)
    for found in (light, dark):
        assert found["wide"] == width
        assert found["scroll"] <= width
        assert (found["out"], found["over"]) == ([], [])
    assert light["boxes"] == dark["boxes"], "a scheme changes colours alone"
    assert len(light["boxes"]) > 12
    for at, first in enumerate(light["boxes"]):
        for second in light["boxes"][at + 1 :]:
            assert not overlap(first, second), (first, second)
    shade = {name: [int(one) for one in found["back"][4:-1].split(",")] for name, found in (("l", light), ("d", dark))}
    assert min(shade["l"]) > 200
    assert max(shade["d"]) < 60


def overlap(first: list[int], second: list[int]) -> bool:
    left, top, right, bottom = (
        pick(pair) for pick, pair in zip((max, max, min, min), zip(first, second, strict=True), strict=True)
    )
    return right - left > 1 and bottom - top > 1


def shrink(image: np.ndarray) -> np.ndarray:
    small = (image.shape[1] // SMALLER, image.shape[0] // SMALLER)
    return np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA))


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", WIDTHS)
def test_it_looks_as_it_did(page: Path, name: str, scheme: Scheme, tmp_path: Path) -> None:
    found = shrink(photograph(page, WIDTHS[name], scheme, tmp_path))
    wanted = {one: cv2.imread(str(LIKENESS / f"{name}-{one}.png")) for one in SCHEMES}
    own = wanted.pop(scheme)
    assert own is not None
    assert own.shape == found.shape
    assert apart(found, own) < MOST_APART
    (other,) = wanted.values()
    assert other is not None
    assert apart(found, other) > 5 * MOST_APART, "the other scheme is told from it"


def draw_likenesses() -> None:
    """Makes the pictures anew; look at them before they are kept."""
    import tempfile

    from tests.conftest import shapes_npz

    LIKENESS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make_page(folder, shapes_npz(folder / "shapes.npz"))
        for form, width in WIDTHS.items():
            for scheme in SCHEMES:
                cv2.imwrite(str(LIKENESS / f"{form}-{scheme}.png"), shrink(photograph(made, width, scheme, folder)))


if __name__ == "__main__":
    draw_likenesses()
