"""Channels that stand or fall together, as sets that are united: a channel is a number, an axis of channels an array of them.

A union-find (Tarjan 1975). Two channels are united where one can't be removed without the other: the two sides of an addition,
what goes into and comes out of a depthwise convolution. A set may be fixed, with the reason; it then stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class Channels:
    """Numbers 0, 1, 2, ... in sets; axes are int64 arrays of numbers, one an entry."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._parent)

    def fresh(self, count: int, fixed: str | None = None) -> np.ndarray:
        """An axis of `count` channels that no other axis has; `fixed` is the reason why they must stay, if they must."""
        axis = np.arange(len(self._parent), len(self._parent) + count)
        self._parent.extend(axis.tolist())
        if fixed is not None:
            self.fix(axis, fixed)
        return axis

    def find(self, channel: int) -> int:
        """The number that stands for the channel's set."""
        root = channel
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[channel] != root:
            self._parent[channel], channel = root, self._parent[channel]
        return root

    def unite(self, one: Iterable[int], other: Iterable[int]) -> None:
        """Each channel of one axis with the channel at its place in the other."""
        for first, second in zip(one, other, strict=True):
            kept, gone = self.find(int(first)), self.find(int(second))
            if kept != gone:
                self._parent[gone] = kept
                if gone in self._reasons:
                    self._reasons[kept] = self._reasons.pop(gone)

    def fix(self, axis: Iterable[int], reason: str) -> None:
        """Keep every channel of the axis; the last reason of a set is the one that is told."""
        for channel in axis:
            self._reasons[self.find(int(channel))] = reason

    def reason(self, channel: int) -> str | None:
        """Why the channel's set is fixed; None where it is not."""
        return self._reasons.get(self.find(int(channel)))
