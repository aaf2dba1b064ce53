"""The options that say how a model takes its pixels; together they are one `scale` for the command."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgedigits.data.scale import Scaling


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
    """Adds --scale, --mean, --std and --bgr, which reach the command as `scale`: a checked scaling, None where none is given."""

    @functools.wraps(command)
    def combined(*args: Any, scale: str | None, mean: Any, std: Any, bgr: bool, **given: Any) -> Any:
        return command(*args, scale=_combined(scale, mean, std, bgr), **given)

    found: Callable[..., Any] = combined
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


def _combined(scale: str | None, mean: Any, std: Any, bgr: bool) -> Scaling | None:
    """The named scaling with what refines it. Raises InputError for numbers that can't be."""
    from edgedigits.data.scale import scaling
    from edgedigits.errors import InputError

    more = {"mean": mean, "std": std, "bgr": bgr or None}
    asked = {name: value for name, value in more.items() if value is not None}
    if scale is None:
        if asked:
            raise InputError(
                f"--{next(iter(asked))}: needs --scale, the range it is in; as --scale 0..1 or --scale 0..255"
            )
        return None
    return scaling(scaling(scale)._replace(**asked), f"--scale {scale}")
