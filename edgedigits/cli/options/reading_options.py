"""The options that say how images are read, the same for every command that takes data."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from edgedigits.data.reading import RESIZINGS, parse_clean
from edgedigits.errors import InputError


class HeightWidth(click.ParamType[Any]):
    """HxW as (height, width)."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", str(value))
        if not found or "0" in found.groups():
            self.fail(f"found {value!r}; wanted height x width in pixels, as 32x32", param, ctx)
        return int(found[1]), int(found[2])


class Shape(click.ParamType[Any]):
    """HxW, HxWx3 or 3xHxW as a tuple."""

    name = "HxW[xC]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if not re.fullmatch(r"[1-9]\d{0,3}(x[1-9]\d{0,3}){1,2}", str(value)):
            self.fail(
                f"found {value!r}; wanted height x width, and perhaps x channels, as 28x28 or 32x32x3", param, ctx
            )
        return tuple(map(int, str(value).split("x")))


class Background(click.ParamType[Any]):
    """white, black or #rrggbb."""

    name = "COLOUR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from edgedigits_runner.reading import colour_of

        try:
            colour_of(str(value))
        except ValueError as error:
            self.fail(f"found {value!r}; wanted {error}", param, ctx)
        return str(value).lower()


class ClassNames(click.ParamType[Any]):
    """a,b,c as names."""

    name = "A,B,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        if not all(names) or len(set(names)) != len(names):
            self.fail(f"found {value!r}; wanted different names with commas, in the model's order", param, ctx)
        return names


class Cleaning(click.ParamType[Any]):
    """true, otsu, sauvola or settings in braces."""

    name = "HOW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return parse_clean(True if value == "true" else value)
        except InputError as error:
            self.fail(str(error).removeprefix("--clean: "), param, ctx)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--resize, --grey, --resizing, --background, --classes, --shape, --clean, --skip-bad; None where they are not given."""
    for option in (
        click.option(
            "--skip-bad",
            is_flag=True,
            help="Leave out images that can't be decoded, and with --clean those without ink (they are counted).",
        ),
        click.option(
            "--clean",
            type=Cleaning(),
            help="Pictures of handwriting are brought to the form that MNIST has: true, the threshold otsu or sauvola, or "
            "settings as '{threshold: sauvola, deskew: true, ink: dark, lines: false}'.",
        ),
        click.option(
            "--shape",
            type=Shape(),
            help="Of a .csv with a column for each pixel: height and width, and channels; 3xHxW where the colours stand one "
            "behind the other. By default a square.",
        ),
        click.option(
            "--classes",
            type=ClassNames(),
            help="The classes in the order of the model's answers; by default sorted, numbers as numbers.",
        ),
        click.option(
            "--background",
            type=Background(),
            help="What transparent images are laid on: white (default), black or #rrggbb.",
        ),
        click.option(
            "--resizing",
            type=click.Choice(RESIZINGS),
            help="How images are resized: area (default), bilinear, bicubic or lanczos as Pillow does, "
            "or keras, as image_dataset_from_directory does.",
        ),
        click.option("--grey", is_flag=True, help="Turn colour images grey."),
        click.option("--resize", type=HeightWidth(), help="Resize every image to this height and width."),
    ):
        command = option(command)
    return command
