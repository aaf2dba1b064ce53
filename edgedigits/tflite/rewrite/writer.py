"""Writes FlatBuffers as small as their format allows: takes the calls of `flatbuffers.Builder`, records, then lays out.

The stock builder writes at once, so it shares nothing but field lists. This one is given the whole document first: what
is equal is written once, and what can be found inside something already written is pointed to there. Only what the
generated `Pack` methods call is here. Format: https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partialmethod
from typing import Final, NamedTuple

import numpy as np

_MOST_SHARED: Final = 64


class _Table(NamedTuple):
    """`fields`: (slot, stored bytes) or, for an offset, (slot, the node it leads to)."""

    fields: tuple[tuple[int, bytes | int], ...]


class _Offsets(NamedTuple):
    """A vector of offsets to other nodes."""

    nodes: tuple[int, ...]


class _Values(NamedTuple):
    """Bytes without offsets, their count in front; what is `after` the first bytes lies at a multiple of `align`."""

    flat: bytes
    align: int
    after: int = 4


_Node = _Table | _Offsets | _Values


class Builder:
    """Call as `flatbuffers.Builder`; nodes are numbers. Bytes equal to one of `wide` are laid at multiples of 8."""

    def __init__(self, wide: frozenset[bytes] = frozenset()) -> None:
        self._wide = wide
        self._nodes: list[_Node] = []
        self._numbers: dict[_Node, int] = {}
        self._fields: list[tuple[int, bytes | int]] = []
        self._elements: list[bytes | int] = []
        self._size = 0

    def StartObject(self, count: int) -> None:  # noqa: ARG002
        """The generated code has written what the table leads to; its fields come now."""
        self._fields = []

    def _slot(self, form: str, slot: int, value: float, default: float) -> None:
        if value != default:
            self._fields.append((slot, struct.pack(form, value)))

    PrependBoolSlot = partialmethod(_slot, "<?")
    PrependInt8Slot = partialmethod(_slot, "<b")
    PrependUint8Slot = partialmethod(_slot, "<B")
    PrependInt32Slot = partialmethod(_slot, "<i")
    PrependUint32Slot = partialmethod(_slot, "<I")
    PrependInt64Slot = partialmethod(_slot, "<q")
    PrependUint64Slot = partialmethod(_slot, "<Q")
    PrependFloat32Slot = partialmethod(_slot, "<f")

    def PrependUOffsetTRelativeSlot(self, slot: int, node: int, default: int) -> None:
        """Node numbers begin at 1, as real offsets are never 0."""
        if node != default:
            self._fields.append((slot, node))

    def EndObject(self) -> int:
        """The table's number."""
        return self._number(_Table(tuple(sorted(self._fields, key=_widest_first))))

    def StartVector(self, size: int, count: int, alignment: int) -> None:  # noqa: ARG002
        """Its elements come now, the last one first."""
        self._elements, self._size = [], size

    def _element(self, form: str, value: float) -> None:
        self._elements.append(struct.pack(form, value))

    PrependBool = partialmethod(_element, "<?")
    PrependUint8 = partialmethod(_element, "<B")
    PrependUint16 = partialmethod(_element, "<H")
    PrependInt32 = partialmethod(_element, "<i")
    PrependUint32 = partialmethod(_element, "<I")
    PrependInt64 = partialmethod(_element, "<q")
    PrependFloat32 = partialmethod(_element, "<f")

    def PrependUOffsetTRelative(self, node: int) -> None:
        """One element of a vector of offsets."""
        self._elements.append(node)

    def EndVector(self) -> int:
        """The vector's number."""
        self._elements.reverse()
        if self._elements and isinstance(self._elements[0], int):
            return self._number(_Offsets(tuple(one for one in self._elements if isinstance(one, int))))
        return self._values(
            b"".join(one for one in self._elements if isinstance(one, bytes)), len(self._elements), self._size
        )

    def CreateNumpyVector(self, values: np.ndarray) -> int:
        """The number of a vector of these numbers."""
        little = values.astype(values.dtype.newbyteorder("<"))
        return self._values(little.tobytes(), values.size, values.dtype.itemsize)

    def CreateString(self, text: str | bytes) -> int:
        """The number of a string; no byte is altered."""
        flat = text.encode() if isinstance(text, str) else text
        return self._number(_Values(struct.pack("<I", len(flat)) + flat + b"\0", 4))

    def _values(self, flat: bytes, count: int, size: int) -> int:
        align = 8 if flat in self._wide else max(4, size)
        return self._number(_Values(struct.pack("<I", count) + flat, align))

    def _number(self, node: _Node) -> int:
        if node not in self._numbers:
            self._nodes.append(node)
            self._numbers[node] = len(self._nodes)
        return self._numbers[node]

    def finished(self, root: int, identifier: bytes) -> bytes:
        """The document: tables first, each before what it leads to; then values and field lists, fitted together."""
        inner = [number for number in self._parents_first(root) if not isinstance(self._nodes[number - 1], _Values)]
        layout = _Layout(identifier)
        for number in inner:
            layout.reserve(number, self._nodes[number - 1])
        met = {child for number in inner for child in _children(self._nodes[number - 1])}
        leaves = {number: node for number in met if isinstance(node := self._nodes[number - 1], _Values)}
        lists = {number: _field_list(node) for number in inner if isinstance(node := self._nodes[number - 1], _Table)}
        found = layout.lay({*leaves.values(), *lists.values()})
        layout.places |= {number: found[values] for number, values in leaves.items()}
        for number in inner:
            layout.fill(number, self._nodes[number - 1], found[lists[number]] if number in lists else 0)
        layout.point(0, root)
        return bytes(layout.flat)

    def _parents_first(self, root: int) -> list[int]:
        """All that the root leads to; offsets lead forward only, so that every node comes after all that lead to it."""
        found: dict[int, None] = {}

        def visit(number: int) -> None:
            if number not in found:
                for child in reversed(list(_children(self._nodes[number - 1]))):
                    visit(child)
                found[number] = None

        visit(root)
        return list(reversed(found))


def _widest_first(field: tuple[int, bytes | int]) -> tuple[int, int]:
    slot, value = field
    return (-4 if isinstance(value, int) else -len(value)), slot


def _children(node: _Node) -> Iterator[int]:
    if isinstance(node, _Offsets):
        yield from node.nodes
    elif isinstance(node, _Table):
        yield from (value for _, value in node.fields if isinstance(value, int))


def _field_list(table: _Table) -> _Values:
    """Where in the table each field is; 0 for one left out."""
    offsets, at = [0] * max([0, *(slot + 1 for slot, _ in table.fields)]), 4
    for slot, value in table.fields:
        offsets[slot], at = at, at + (4 if isinstance(value, int) else len(value))
    return _Values(struct.pack(f"<{2 + len(offsets)}H", 4 + 2 * len(offsets), at, *offsets), 2, 0)


def _aligned(place: int, values: _Values) -> bool:
    return (place + values.after) % values.align == 0 and place % min(4, values.align) == 0


class _Layout:
    """Bytes being laid out; `places` are those of the nodes."""

    def __init__(self, identifier: bytes) -> None:
        self.flat = bytearray(4) + identifier
        self.places: dict[int, int] = {}

    def reserve(self, number: int, node: _Node) -> None:
        """Room for a table or a vector of offsets."""
        if isinstance(node, _Table):
            size = 4 + sum(4 if isinstance(value, int) else len(value) for _, value in node.fields)
            wide = any(not isinstance(value, int) and len(value) == 8 for _, value in node.fields)
            self._pad(8 if wide else 4, 4)
        else:
            assert isinstance(node, _Offsets)
            size = 4 + 4 * len(node.nodes)
            self._pad(4, 4)
        self.places[number] = len(self.flat)
        self.flat += bytes(size)

    def lay(self, wanted: set[_Values]) -> dict[_Values, int]:
        """Where these bytes are. From here on nothing holds offsets, so anything may be pointed to from anywhere.

        What is inside another is not laid at all; of the rest, each begins within the end of the one before it if any
        can, and the largest comes next if none can: weights first, so that nothing reads past the file's end with them.
        """
        start, largest_first = len(self.flat), sorted(wanted, key=lambda values: (-len(values.flat), values))
        own = [
            values for values in largest_first if self._found(values, start) is None and self._append(values, 0) >= 0
        ]
        del self.flat[start:]
        while own:
            shared = [self._shared(values, start) for values in own]
            best = max(range(len(own)), key=lambda index: (shared[index], -index))
            if self._found(own[best], start) is None:
                self._append(own[best], shared[best])
            del own[best]
        places = {}
        for values in largest_first:
            place = self._found(values, start)
            places[values] = self._append(values, 0) if place is None else place
        return places

    def _found(self, values: _Values, start: int) -> int | None:
        """Where the bytes are already, aligned as they need."""
        place = self.flat.find(values.flat, start)
        while place >= 0 and not _aligned(place, values):
            place = self.flat.find(values.flat, place + 1)
        return place if place >= 0 else None

    def _shared(self, values: _Values, start: int) -> int:
        """How many of their first bytes are the last ones so far."""
        most = min(_MOST_SHARED, len(values.flat), len(self.flat) - start)
        sizes = (size for size in range(most, 0, -1) if _aligned(len(self.flat) - size, values))
        return next((size for size in sizes if self.flat.endswith(values.flat[:size])), 0)

    def _append(self, values: _Values, shared: int) -> int:
        if not shared:
            self._pad(values.align, values.after)
        self.flat += values.flat[shared:]
        return len(self.flat) - len(values.flat)

    def fill(self, number: int, node: _Node, field_list: int) -> None:
        """The bytes of a table or a vector of offsets, now that every place is known."""
        place = self.places[number]
        if isinstance(node, _Offsets):
            struct.pack_into("<I", self.flat, place, len(node.nodes))
            for index, child in enumerate(node.nodes):
                self.point(place + 4 + 4 * index, child)
        elif isinstance(node, _Table):
            struct.pack_into("<i", self.flat, place, place - field_list)
            at = place + 4
            for _, value in node.fields:
                if isinstance(value, int):
                    self.point(at, value)
                else:
                    self.flat[at : at + len(value)] = value
                at += 4 if isinstance(value, int) else len(value)

    def point(self, at: int, number: int) -> None:
        """Stores at byte `at` the offset from there to a node."""
        struct.pack_into("<I", self.flat, at, self.places[number] - at)

    def _pad(self, align: int, after: int) -> None:
        self.flat += bytes(-(len(self.flat) + after) % align)
