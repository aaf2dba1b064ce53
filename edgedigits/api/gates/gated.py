"""What every result shares that was held against gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from rich.console import Group, RenderableType


class Gated:
    """What was held against gates: `gates` has an entry for each, with its verdict and a sentence; none where none was asked."""

    @property
    def gates(self) -> Sequence[JsonObject]:
        """As in the JSON: `gate`, `wanted`, `verdict` (held, missed or not sure), `ok`, `measured`, `low`, `high`, `limit`,
        `unit` and `sentence`."""
        raise NotImplementedError

    @property
    def missed_gates(self) -> tuple[str, ...]:
        """Names of the gates that are not ok."""
        return tuple(one["gate"] for one in self.gates if not one["ok"])

    def check_gates(self) -> None:
        """Raises GateError where a gate is missed, as the command ends with exit code 1 then."""
        from edgedigits.pipeline.gates.wording import check_record

        check_record(self.gates)


def add_gates(document: JsonObject, gates: Sequence[JsonObject]) -> JsonObject:
    """A document with its gates, where there are any."""
    return {**document, "gates": list(gates)} if gates else document


def show_gates(shown: RenderableType, gates: Sequence[JsonObject]) -> Group:
    """What is printed for people, and a line for each gate under it."""
    from rich.console import Group
    from rich.text import Text

    from edgedigits.pipeline.gates.wording import list_lines

    lines = zip(list_lines(gates), gates, strict=True)
    return Group(shown, *(Text(line, style="" if one["ok"] else "bold") for line, one in lines))
