"""The option that says on what a file is to run: --runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

WRITTEN = "NAME[==VERSION]"
_RUNS_ON = (
    "Whether it runs on this runtime, as tflite-runtime==2.14.0, litert or tensorflow, many times; if not, exit code 1"
)


def runs_on_option(more: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Of a file that is looked at or made: any number of runtimes."""
    return click.option("--runtime", multiple=True, metavar=WRITTEN, help=f"{_RUNS_ON}{more}.")


def measured_on_option(names: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Of what is measured or brought into use: one runtime, by default whichever fits."""
    return click.option(
        "--runtime", default="auto", show_default=True, metavar=WRITTEN, help=f"One of {', '.join(names)}."
    )
