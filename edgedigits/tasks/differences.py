"""Differences between two models in words: whether they are more than chance, and which class loses most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgedigits.tasks.class_recalls import ClassChange, ClassChanges, name_class
from edgedigits.tasks.statistics import Interval, Paired

SIGNIFICANT: Final = 0.05
"""A smaller p is more than chance."""
_LETTERS: Final = 20  # of a class's name in a table; the JSON has all of it
_SHOWN: Final = 3


def tell_mcnemar(paired: Paired, baseline: str, compressed: str) -> str:
    """The difference in accuracy, whether it is more than chance, and the counts behind that."""
    verdict = "is significant" if paired.p_value < SIGNIFICANT else "is not significant"
    return (
        f"The difference of {paired.difference_points:+.2f} points {verdict}: {paired.both:,} images both got right, "
        f"{paired.only_baseline:,} only {baseline}, {paired.only_compressed:,} only {compressed}, "
        f"{paired.neither:,} neither; {word_p(paired.p_value)} (exact McNemar test)."
    )


def word_p(p: float) -> str:
    """A p as people say it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def tell_f1(difference: Interval) -> str:
    """The difference in macro F1, and whether it could be nothing."""
    points = [100 * each for each in (difference.value, difference.low, difference.high)]
    said = f"The difference of {points[0]:+.2f} points in F1, mean of labels, is between {points[1]:+.2f} and {points[2]:+.2f}"
    clear = not difference.low <= 0 <= difference.high
    return f"{said} (95 % interval, paired bootstrap over images){'' if clear else ': not a clear difference'}."


def word_share(share: float) -> str:
    """A share of 1 as percent."""
    return f"{100 * share:.2f} %"


def word_interval(interval: Interval) -> str:
    """A share of 1 as percent, from the low end to the high one."""
    return f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"


def find_worst_class(changes: ClassChanges, names: Sequence[str]) -> tuple[str, str, str] | None:
    """(recall before, recall after, the change and the class) of the class that loses most; None for fewer than two classes."""
    worst = changes.worst
    if worst is None:
        return None
    if worst.loss <= 0:
        return "", "", "no class loses"
    name = name_class(worst, names)
    short = name if len(name) <= _LETTERS else name[: _LETTERS - 3] + "..."
    before, after = (f"{100 * right / worst.images:.2f} %" for right in (worst.before, worst.after))
    return before, after, f"{-100 * worst.loss:+.2f} points: {short}"


def tell_classes(changes: ClassChanges, names: Sequence[str], where: str) -> str | None:
    """Which classes lose significantly more than the rest of `where`, the worst of them; None where no class does."""
    worse = changes.worse_than_the_rest
    if not worse:
        return None
    shown = "; ".join(word_recalls(one, names) for one in worse[:_SHOWN])
    more = f"; and {len(worse) - _SHOWN} more" if len(worse) > _SHOWN else ""
    what = "one class loses" if len(worse) == 1 else f"{len(worse)} classes lose"
    return f"{what} significantly more than the rest of {where}: {shown}{more}"


def word_recalls(one: ClassChange, names: Sequence[str]) -> str:
    """The class, and how many of its images were found before and after."""
    return (
        f"class {name_class(one, names)}, of whose {one.images} images {one.before} were found before, {one.after} now"
    )
