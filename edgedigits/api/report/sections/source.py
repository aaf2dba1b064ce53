"""Where a section takes its values from: one artifact's part of the document, by JSON pointer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edgedigits.api.render.page.blocks import Column, Section, Table, Text, Told, find, point
from edgedigits.ground.facts import JsonObject

Columns = Sequence[tuple[str, str, tuple[str | int, ...]]]
"""Of each column its name, the form of its numbers, and the keys that lead from a row to its value."""


@dataclass(frozen=True)
class Source:
    """The part of `document` under `root`, a JSON pointer."""

    document: JsonObject
    root: str

    def get(self, *keys: str | int) -> Any:
        """A value, None where there is none."""
        try:
            return find(self.document, self.root + point(*keys))
        except (KeyError, IndexError, TypeError):
            return None

    def told(self, form: str, *keys: str | int) -> Told:
        """The place of a value, and how it is written."""
        return Told(self.root + point(*keys), form)

    def path(self, *keys: str | int) -> str:
        """A JSON pointer."""
        return self.root + point(*keys)

    def confidence(self) -> Told:
        """Of every interval."""
        return Told("/confidence", "confidence")

    def lacks(self, key: str, title: str, why: str | None = None) -> Section | None:
        """The section that says why `why` is not there; None where it is."""
        if self.get(why or key) is not None:
            return None
        reason = self.get("left_out", why or key)
        told: Text = ("Left out: ", self.told("text", "left_out", why or key), ".") if reason else ("Left out.",)
        return Section(key, title, left_out=told)

    def table(
        self,
        name: str,
        where: tuple[str | int, ...],
        columns: Columns,
        title: Text = (),
        note: Text = (),
        most: int = 12,
        order: Iterable[int] | None = None,
    ) -> Table:
        """A table of a list of objects at `where`: for each column its name, its form ("text" is set left, a form with "bar:" in
        front gets a bar) and the keys that lead from a row to its value."""
        said = [(heading, form.removeprefix("bar:"), keys, form.startswith("bar:")) for heading, form, keys in columns]
        rows = self.get(*where) or []
        places = range(len(rows)) if order is None else order
        return Table(
            name,
            tuple(Column(heading, form not in ("text", "list", "shape"), bar) for heading, form, _, bar in said),
            tuple(tuple(self._cell(form, where, at, keys) for _, form, keys, _ in said) for at in places),
            title,
            note,
            most,
        )

    def _cell(self, form: str, where: tuple[str | int, ...], at: int, keys: tuple[str | int, ...]) -> Text:
        return (self.told(form, *where, at, *keys),) if self.get(*where, at, *keys) is not None else ("–",)

    def interval(self, form: str, *keys: str | int) -> Text:
        """A value with its interval in brackets, where it has one."""
        value: Text = (self.told(form, *keys, "value"),)
        if self.get(*keys, "low") is None:
            return value
        ends: Text = (self.told(form, *keys, "low"), " to ", self.told(form, *keys, "high"))
        return (*value, " (", *ends, ")")
