"""The images that changed their answer, small, with what both forms thought likeliest."""

from __future__ import annotations

import base64
from typing import Final

import cv2
import numpy as np

from edgedigits.data.images import Pixels
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.findings.answers import Both, Form

MOST_SHOWN: Final = 48
_SIDE: Final = 96
_LOST, _WON, _OTHER = "lost", "won", "other"


def describe_flips(both: Both) -> JsonObject:
    """How many answers were lost, won, or are wrong otherwise; of up to 48 images, the lost ones first and those that the float
    form was surest of, the PNG as base64 and the two likeliest answers of each form."""
    flipped = np.flatnonzero(both.changed)
    kinds = {int(at): _kind(both, int(at)) for at in flipped}
    order = sorted(kinds, key=lambda at: ((_LOST, _WON, _OTHER).index(kinds[at]), -both.before.shares[at].max(), at))
    shown = order[:MOST_SHOWN]
    pixels = both.images.read(np.array(shown, np.int64))
    return {
        "images": len(flipped),
        **{kind: list(kinds.values()).count(kind) for kind in (_LOST, _WON, _OTHER)},
        "shown": [_describe(both, at, kinds[at], image) for at, image in zip(shown, pixels, strict=True)],
    }


def _kind(both: Both, at: int) -> str:
    if both.before.right[at]:
        return _LOST
    return _WON if both.after.right[at] else _OTHER


def _describe(both: Both, at: int, kind: str, image: Pixels) -> JsonObject:
    label = both.labels[at]
    names = [both.classes[int(place)] for place in (np.flatnonzero(label) if both.several else [label])]
    changed = both.before.found[at] != both.after.found[at]
    return {
        "index": at,
        "kind": kind,
        "label": ", ".join(names) or "none",
        **{name: _likeliest(form, at, changed, both.classes) for name, form in both.forms.items()},
        "png": base64.b64encode(_draw(image)).decode(),
    }


def _likeliest(form: Form, at: int, changed: np.ndarray, classes: tuple[str, ...]) -> list[JsonObject]:
    """The two likeliest; of labels those that changed come before others. The answer comes first, also among equals."""
    shares = form.shares[at]
    first = changed.astype(int) if changed.ndim else (np.arange(len(shares)) == form.found[at]).astype(int)
    order = np.lexsort((-shares, -first))[:2]
    return [{"class": classes[int(place)], "share": float(shares[place])} for place in order]


def _draw(image: Pixels) -> bytes:
    """A PNG of at most 96 pixels a side."""
    longest = max(image.shape[:2])
    if longest > _SIDE:
        size = [max(1, round(side * _SIDE / longest)) for side in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    colours = image if image.ndim == 2 or image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, png = cv2.imencode(".png", colours, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert done
    return bytes(png)
