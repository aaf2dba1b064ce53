"""What `robustness` found, for people: a table of corruptions, and the mean over them in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.text import Text

from edgedigits.api.render.profile import plain
from edgedigits.api.render.tables import start_table
from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.differences import SIGNIFICANT, word_p


def render(found: JsonObject) -> Group:
    """Made for 100 columns."""
    table = start_table("", "corruption", "float", "this model", "lost, points", "95 % interval", "p", words=1)
    table.title = None
    for row in (found["clean"], *found["corruptions"]):
        table.add_row(*_cells(row))
    title = Text(plain(f"{found['artifact']}, {found['images']:,} {found['part']} images"), style="bold")
    return Group(title, table, Text(), *(Text(plain(line)) for line in tell(found)))


def _cells(row: JsonObject) -> Iterator[str]:
    yield plain(row["corruption"])
    yield f"{100 * row['float_accuracy']:.2f} %"
    yield f"{100 * row['accuracy']:.2f} %"
    yield f"{row['drop_points']:+.2f}"
    yield f"{row['drop_low']:+.2f} to {row['drop_high']:+.2f}"
    yield word_p(row["mcnemar_p"]).removeprefix("p = ").removeprefix("p ")


def tell(found: JsonObject) -> Iterator[str]:
    """The mean over corruptions, and which of them cost more than chance."""
    mean = found["mean"]
    yield (
        f"On average over {mean['corruptions']}: {100 * mean['accuracy']:.2f} %, the float form "
        f"{100 * mean['float_accuracy']:.2f} %; {mean['drop_points']:+.2f} points are lost (95 % interval "
        f"{mean['drop_low']:+.2f} to {mean['drop_high']:+.2f})."
    )
    worse = [row for row in found["corruptions"] if row["corrected_p"] < SIGNIFICANT and row["drop_points"] > 0]
    if worse:
        names = ", ".join(row["corruption"] for row in worse)
        yield f"More than chance, corrected for {mean['corruptions']}, is lost under {names} (exact McNemar tests)."
    else:
        yield f"Under no corruption more than chance is lost (exact McNemar tests, corrected for {mean['corruptions']})."
