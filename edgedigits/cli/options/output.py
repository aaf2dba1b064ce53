"""What every command prints with: results on standard output, progress on standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgedigits.api.result import Result

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")


def print_json(document: Any) -> None:
    """The one document that --json promises."""
    click.echo(json.dumps(document, indent=1))


def print_rich(renderable: Any) -> None:
    """A table or text of rich, as wide as the terminal; 100 columns where there is none."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 100).print(renderable)


def print_result(found: Result, as_json: bool) -> None:
    """What a function of the API found."""
    if as_json:
        print_json(found.as_json())
    else:
        print_rich(found)


def print_line(found: Result, as_json: bool) -> None:
    """The same of what is told in lines, however narrow the terminal."""
    if as_json:
        print_json(found.as_json())
    else:
        click.echo(str(found.__rich__()))


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)
