"""The command `report`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgedigits.cli.options.output import as_json_option, print_line, say
from edgedigits.cli.options.reading_options import reading_options


@click.command()
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page, ending in .html or .md; its JSON lies beside it.",
)
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Also write the page as Markdown.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="Also write every table of it as CSV.")
@click.option("--data", metavar="D", help="As for `compress`; default: what the artifact was made of.")
@reading_options
@click.option(
    "--sensitivity",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also show this JSON of `edgedigits sensitivity`.",
)
@click.option(
    "--images",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Validation images that are looked at layer by layer.",
)
@click.option(
    "--windows", type=click.IntRange(1), default=5, show_default=True, help="Windows of measurement per form."
)
@click.option("--window", type=click.FloatRange(0.05, 600), default=0.2, show_default=True, help="Seconds of each.")
@as_json_option
def report(as_json: bool, csv: Path | None, **given: Any) -> None:
    """Show all that is known of artifacts on one page: whether to ship, how right, how small, how fast, and why.

    ARTIFACTS are folders that `compress` wrote; several are held side by side. The page is one file that needs no network.
    """
    from edgedigits.api.evidence.report import report as run

    found = run(**given)
    if csv is not None:
        say(f"written: {found.write_csv(csv)}")
    print_line(found, as_json)
