"""A headless Chromium for tests, of Debian's packages: what a page looks like there, and where its parts lie."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import pytest

Scheme = Literal["light", "dark"]
_PROGRAMS: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_SETTING: Final[dict[Scheme, int]] = {"dark": 0, "light": 1}
_LOOK: Final = """<script>
addEventListener("load", () => {
  const wide = document.documentElement.clientWidth, boxes = [], out = [], over = [];
  const place = one => {
    const box = one.getBoundingClientRect();
    return [box.left, box.top, box.right, box.bottom].map(Math.round);
  };
  for (const one of document.querySelectorAll("h1, .verdict, .tile, nav, section, footer")) boxes.push(place(one));
  for (const one of document.querySelectorAll("main *")) {
    if (one.closest(".scroll") && !one.matches(".scroll")) continue;
    if (one.closest("svg") && !one.matches("svg")) continue;
    const [left, , right] = place(one);
    if (right > left && (left < 0 || right > wide)) out.push(one.outerHTML.slice(0, 80));
  }
  for (const one of document.querySelectorAll("section, .tile, .flip")) {
    if (one.scrollWidth > one.clientWidth + 1) over.push(one.outerHTML.slice(0, 80));
  }
  const back = getComputedStyle(document.body).backgroundColor;
  const told = document.createElement("pre");
  told.id = "looked";
  told.textContent = JSON.stringify({wide, scroll: document.documentElement.scrollWidth, boxes, out, over, back});
  document.body.append(told);
});
</script>"""


def find_browser() -> str:
    """Its program. Skips where there is none."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        pytest.skip(f"needs a headless Chromium, as Debian's package {_PROGRAMS[0]}")
    return found


def look(page: Path, width: int, scheme: Scheme, folder: Path) -> dict[str, Any]:
    """Where the parts of a page lie in a window of that width, as [left, top, right, bottom], what sticks out, its colour."""
    copy = folder / f"{page.stem}-{width}-{scheme}.html"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{_LOOK}</body>"), encoding="utf-8")
    done = _run(width, scheme, "--dump-dom", copy.as_uri(), folder=folder)
    told = re.search(r'<pre id="looked">(.*?)</pre>', done, re.DOTALL)
    assert told, done[-500:]
    found: dict[str, Any] = json.loads(told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return found


def photograph(page: Path, width: int, scheme: Scheme, folder: Path, height: int = 1600) -> np.ndarray:
    """The window's pixels, uint8 [height, width, 3], blue first."""
    path = folder / f"{page.stem}-{width}-{scheme}.png"
    _run(width, scheme, f"--screenshot={path}", page.as_uri(), folder=folder, height=height)
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image)


def _run(width: int, scheme: Scheme, *words: str, folder: Path, height: int = 1600) -> str:
    command = [
        *(
            find_browser(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
        ),
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={_SETTING[scheme]}",
        *("--force-device-scale-factor=1", f"--window-size={width},{height}", *words),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
