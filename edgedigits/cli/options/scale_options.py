"""The options that say how a model takes its pixels."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import click


class Channels(click.ParamType[Any]):
    """One number for all channels, or three with commas."""

    name = "N,N,N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        parts = str(value).split(",")
        if len(parts) not in (1, 3) or not all(
            re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", x, re.I) for x in parts
        ):
            self.fail(
                f"found {value!r}; wanted one number for all channels or three with commas, as 0.5,0.4,0.3", param, ctx
            )
        return tuple(map(float, parts))


def scale_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --scale, --mean, --std and --bgr; the first reaches the command as `pixel_range`, the API's name for it."""

    @functools.wraps(command)
    def called(*args: Any, scale: str | None, **given: Any) -> Any:
        return command(*args, pixel_range=scale, **given)

    found: Callable[..., Any] = called
    for option in (
        click.option("--bgr", is_flag=True, help="The model takes blue, green, red."),
        click.option("--std", type=Channels(), help="And divided by this, in the same units and order."),
        click.option(
            "--mean",
            type=Channels(),
            help="Taken off the pixels after --scale, in its units: one number, or one for each channel in the order in which "
            "the model takes them, so blue first with --bgr.",
        ),
        click.option(
            "--scale",
            type=click.Choice(["0..1", "-1..1", "0..255", "caffe", "torch"]),
            help="What the model was trained on: pixels as 0..1, -1..1 or 0..255; or as preprocess_input of keras.applications "
            "makes them in its modes caffe (BGR, ImageNet's mean off) and torch (0..1, ImageNet's mean and deviation).",
        ),
    ):
        found = option(found)
    return found
