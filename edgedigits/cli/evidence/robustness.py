"""The command `robustness`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgedigits.cli.options.output import as_json_option, print_result, say
from edgedigits.cli.options.reading_options import reading_options


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--data", metavar="D", help="As for `compress`; default: the artifact's own test images.")
@reading_options
@click.option(
    "--only", default="", metavar="NAME,NAME", help="These corruptions alone; default: all fifteen of MNIST-C."
)
@click.option(
    "--severity",
    type=click.IntRange(1, 5),
    help="How strong, where a corruption has degrees; default: that of MNIST-C's static set, for each its own.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--images", type=click.IntRange(1), help="So many images, of every class in proportion; default: all of them."
)
@click.option(
    "--validation", is_flag=True, help="Validation images instead of test images: something may be chosen by them."
)
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="Also write the corruptions as CSV.")
@as_json_option
def robustness(as_json: bool, csv: Path | None, **given: Any) -> None:
    """Count how often an artifact and its float form are right on corrupted images, side by side.

    Noise, blur, moves, light, dirt and lines, in the manner of MNIST-C, made by seed for images of any size and colour.
    """
    from edgedigits.api.evidence.robustness import robustness as run

    found = run(**given)
    if csv is not None:
        say(f"written: {found.write_csv(csv)}")
    print_result(found, as_json)
