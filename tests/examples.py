"""One example of each row of a table. A row whose settings have no defaults needs them beside the test, which then says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from edgedigits.errors import EdgeDigitsError

T = TypeVar("T")


def example(what: str, table: str, make: Callable[..., T], **settings: object) -> T:
    """`make` with those settings. Raises AssertionError that names the row and `table`, which its settings belong in."""
    try:
        return make(**settings)
    except (EdgeDigitsError, TypeError, ValueError) as error:
        raise AssertionError(f"no example for {what}: add a row to {table} ({error})") from error
