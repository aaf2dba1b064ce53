"""Files that are not read, counted by reason, so that nothing is left out in silence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from edgedigits.data.sources.files.held import Picture

HIDDEN = "hidden, or left by other programs"
NO_IMAGE = "no images"
NO_FILE = "pipes, devices or links to nothing"
BESIDE = "beside the class folders"
UNDECODABLE = "unreadable images"


class LeftOut:
    """A tally of files by reason, with the first of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, Picture] = {}
        self._kinds: Counter[str] = Counter()

    def add(self, reason: str, path: Picture) -> None:
        self._counts[reason] += 1
        self._first.setdefault(reason, path)
        if reason == NO_IMAGE:
            self._kinds[Path(path.name).suffix.lower() or "no suffix"] += 1

    def __str__(self) -> str:
        """`no file left out`, or every reason with its number and its first file."""
        if not self._counts:
            return "no file left out"
        return "left out: " + "; ".join(self._said(reason) for reason in self._counts)

    def _said(self, reason: str) -> str:
        kinds = f" ({', '.join(f'{count} {kind}' for kind, count in self._kinds.most_common(5))})"
        return f"{self._counts[reason]} {reason}{kinds if reason == NO_IMAGE else ''}, the first: {self._first[reason]}"
