"""What every command prints with: results on standard output, progress on standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")


def print_json(document: Any) -> None:
    """The one document that --json promises."""
    click.echo(json.dumps(document, indent=1))


def print_rich(renderable: Any) -> None:
    """A table or text of rich, as wide as the terminal; 100 columns where there is none."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 100).print(renderable)


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)
