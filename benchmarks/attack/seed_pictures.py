"""The same small picture in every format that people hand in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def make(folder: Path) -> None:
    """Grey, colour, transparent, palette, 16 bits, turned by EXIF."""
    grey = (np.add.outer(np.arange(24), np.arange(24)) * 5).astype(np.uint8)
    colour = np.dstack([grey, grey.T[::-1], 255 - grey])
    for kind in ("png", "jpg", "bmp", "webp", "tiff", "ppm"):
        cv2.imwrite(str(folder / f"colour.{kind}"), colour)
    cv2.imwrite(str(folder / "grey.pgm"), grey)
    cv2.imwrite(str(folder / "deep.png"), grey.astype(np.uint16) * 200)
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(grey).convert("P").save(folder / "palette.png")
    Image.fromarray(colour).convert("P").save(folder / "palette.gif")
    Image.fromarray(np.dstack([colour, grey])).save(folder / "clear.png")
    turned = Image.fromarray(colour)
    tags = turned.getexif()
    tags[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=tags)
    np.save(folder / "grey.npy", grey)
    np.save(folder / "colour.npy", colour)
