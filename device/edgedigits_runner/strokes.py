"""The strokes of a digit told from what else is on the paper: ruled lines, the edges of things beside it, specks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEEPEST = 0.1  # of a ruled line, down for across
_COVERED = 0.75  # of a picture's width, where a line crosses it; strokes over the line hide the rest
_SPECK = 0.04  # of the heaviest stroke's ink
_BESIDE = 0.1  # of it: so much ink away from the edges, and what touches them is something else


def without_lines(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ink bool [n, h, w] without ruled lines: thin, from edge to edge, up to 6 degrees aslant; on squared paper upright ones too.

    Where a stroke crosses a line it stays whole. A picture in which nothing else would be left stays as it is.
    """
    found = masks.copy()
    for number, mask in enumerate(masks):
        if not mask.any(axis=0).mean() >= _COVERED:
            continue
        across = _lines(mask)
        if not across.any():
            continue
        rest = mask & ~across
        down = _lines(np.ascontiguousarray(rest.T)).T
        rest &= ~down
        if rest.sum() * 10 > mask.sum() or rest.sum() * 10 > across.sum():
            found[number] = rest
    return found


def own_strokes(masks: NDArray[np.bool_], dark: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Of the ink its connected strokes (8 neighbours) that are the digit's: no specks, and nothing that touches an edge where
    enough ink does not."""
    labels, count = connected(masks)
    weights = np.bincount(labels.ravel(), dark.ravel(), count + 1).astype(np.float64)  # of whole numbers, so exact
    weights[0] = 0
    touches = np.zeros(count + 1, bool)
    near = 2 + max(masks.shape[1:]) // 100  # what is cut off by an edge may end a little before it
    for edge in (labels[:, :near], labels[:, -near:], labels[:, :, :near], labels[:, :, -near:]):
        touches[edge.ravel()] = True
    owner = np.zeros(count + 1, np.intp)
    owner[labels.ravel()] = np.repeat(np.arange(len(masks)), masks[0].size)
    heaviest = _most(weights, owner, len(masks))
    inside = _most(np.where(touches, 0, weights), owner, len(masks))
    free = inside > _BESIDE * heaviest
    keep = ~touches | ~free[owner]
    keep &= weights > _SPECK * np.where(free, inside, heaviest)[owner]
    keep[0] = False
    return np.asarray(keep[labels])


def spread(masks: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """The ink and what lies within `reach` of it."""
    found = masks
    for _ in range(reach):
        for axis in (1, 2):
            wider = found.copy()
            here, there = [slice(None)] * 3, [slice(None)] * 3
            here[axis], there[axis] = slice(1, None), slice(None, -1)
            wider[tuple(here)] |= found[tuple(there)]
            wider[tuple(there)] |= found[tuple(here)]
            found = wider
    return found


def connected(masks: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    """(which stroke each pixel of [n, h, w] belongs to, 0 for none; how many there are), no stroke in two pictures."""
    number, height, width = masks.shape
    rows = np.zeros(
        (number * (height + 1), width + 1), bool
    )  # an empty row between pictures, an empty column between rows
    rows.reshape(number, height + 1, width + 1)[:, :height, :width] = masks
    flat = rows.ravel()
    edges = np.diff(flat.astype(np.int8), prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    roots = _joined(starts, ends, width + 1)
    _, names = np.unique(roots, return_inverse=True)
    labels = np.zeros(len(flat), np.intp)
    labels[flat] = np.repeat(names + 1, ends - starts)
    shaped = labels.reshape(number, height + 1, width + 1)[:, :height, :width]
    return np.ascontiguousarray(shaped), int(names.max() + 1) if len(names) else 0


def _joined(starts: NDArray[np.intp], ends: NDArray[np.intp], stride: int) -> NDArray[np.intp]:
    """Of runs of pixels the least one that each is joined to, by way of runs in the rows above and below, corners too."""
    first = np.searchsorted(ends, starts - stride, "left")  # of the row above: ends at or after where this one starts
    after = np.searchsorted(starts, ends - stride, "right")
    counts = np.maximum(after - first, 0)
    lower = np.repeat(np.arange(len(starts)), counts)
    upper = np.repeat(first, counts) + np.arange(len(lower)) - np.repeat(counts.cumsum() - counts, counts)
    roots = np.arange(len(starts))
    while (roots[lower] != roots[upper]).any():
        least = np.minimum(roots[lower], roots[upper])
        np.minimum.at(roots, roots[lower], least)
        np.minimum.at(roots, roots[upper], least)
        while (roots[roots] != roots).any():
            roots = roots[roots]
    return roots


def _most(weights: NDArray[np.float64], owner: NDArray[np.intp], number: int) -> NDArray[np.float64]:
    found = np.zeros(number)
    np.maximum.at(found, owner, weights)
    return found


def _lines(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels [h, w] of lines that cross the picture from left to right, strokes over them left out."""
    height, width = mask.shape
    thick = max(2, height // 40)
    thin = mask & (_run_lengths(mask) <= thick)
    steepest = int(np.ceil(_STEEPEST * width / thick))
    best, found = 0, np.zeros_like(mask)
    columns = np.arange(width)
    for slope in range(-steepest, steepest + 1):
        rows = np.arange(-steepest * thick, height + steepest * thick)[:, None] + slope * thick * columns // width
        inside = (rows >= 0) & (rows < height)
        straight = thin[np.clip(rows, 0, height - 1), columns] & inside
        band = _within(straight, thick)
        lined = (band.mean(axis=1) >= _COVERED) & band[:, :2].any(axis=1) & band[:, -2:].any(axis=1)
        covered = int(band[lined].sum(axis=1).max(initial=0))
        if covered > best:
            best = covered
            near = straight & _within(lined[:, None], thick)
            found = np.zeros_like(mask)
            found[np.clip(rows, 0, height - 1)[near], np.broadcast_to(columns, rows.shape)[near]] = True
    return found


def _within(values: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """True where one is true up to `reach` rows above or below, [h, w]."""
    sums = np.pad(values.cumsum(axis=0), ((reach + 1, reach), (0, 0)), mode="edge")
    sums[: reach + 1] = 0
    return np.asarray(sums[2 * reach + 1 :] > sums[: -2 * reach - 1])


def _run_lengths(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Of each pixel of [h, w] how many in a row, up and down, are ink."""
    padded = np.pad(mask.T, ((0, 0), (1, 1)))
    edges = np.diff(padded.ravel().astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    lengths = np.zeros(padded.size, np.intp)
    lengths[padded.ravel()] = np.repeat(ends - starts, ends - starts)
    return np.asarray(lengths.reshape(padded.shape)[:, 1:-1].T)
