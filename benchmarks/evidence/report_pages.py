"""Reads the page of a report back: each piece of text with the place in the JSON that it is from, and what it would load."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from edgedigits.api.render.page.blocks import find
from edgedigits.api.render.page.numbers import word

NUMBER = re.compile(r"(?<![A-Za-z_\d])(?<![A-Za-z]-)[-+]?\d[\d.,]*")
"""Digits that are no part of a word, as those of int8, F1 and SHA-256 are."""
_UNSEEN = ("style", "script", "title", "svg")
"""A figure's ticks are none of its values; the title repeats the first heading."""
_EMPTY = ("meta", "link", "img", "br", "hr", "path", "use", "image")


class Read(HTMLParser):
    """`told`: (path, form, text) of each element that says where its text is from; `free`: text that stands in none; `loads`:
    what a browser would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.told: list[tuple[str, str, str]] = []
        self.free: list[str] = []
        self.loads: list[str] = []
        self._open: list[tuple[str, tuple[str, str] | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in ("script", "img", "iframe", "link", "image", "source"):
            self.loads += [value for key, value in given.items() if key in ("src", "href", "xlink:href") and value]
        if tag not in _EMPTY:
            path, form = given.get("data-path"), given.get("data-form")
            self._open.append((tag, (path, form) if path and form else None))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY:
            assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(tag in _UNSEEN for tag, _ in self._open) or not data.strip():
            return
        place = next((place for _, place in reversed(self._open) if place), None)
        if place:
            self.told.append((*place, data))
        else:
            self.free.append(data)

    def list_untraceable(self, document: Any) -> list[str]:
        """Numbers that are not in the document where the page says, or stand there without a place."""
        wrong = [text for path, form, text in self.told if word(find(document, path), form) != text]
        return wrong + [text for text in self.free if NUMBER.search(text)]
