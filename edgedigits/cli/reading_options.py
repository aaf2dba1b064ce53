"""The options that say how images are read, the same for every command that takes data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from edgedigits.data.reading import RESIZINGS


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


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--resizing, --background, --classes and --skip-bad; None where they are not given."""
    for option in (
        click.option("--skip-bad", is_flag=True, help="Leave out images that can't be decoded (they are counted)."),
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
    ):
        command = option(command)
    return command
