"""What every function gives back: JSON for programs, a table for people in a terminal and in a notebook, frames of pandas."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.render.page.blocks import Drawn
from edgedigits.errors import InputError
from edgedigits.ground.atomic import whole_file

if TYPE_CHECKING:
    import pandas
    from rich.console import RenderableType

_WIDTH = 100


class Result(ABC):
    """`print(result)` shows what the command prints, `repr` one line, a notebook tables and a figure; `FRAMES` are the names that
    `to_frame` takes, its first by default, `DRAWN` what of them the figure shows."""

    FRAMES: ClassVar[tuple[str, ...]] = ()
    DRAWN: ClassVar[Drawn | None] = None

    @abstractmethod
    def as_json(self) -> Any:
        """The document that the command prints with --json."""

    @abstractmethod
    def __rich__(self) -> RenderableType:
        """What the command prints for people."""

    @abstractmethod
    def _in_a_line(self) -> str:
        """What matters most, in a few words."""

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        """The rows of a frame; `of` is one of FRAMES."""
        raise NotImplementedError(of)

    def to_frame(self, of: str | None = None) -> pandas.DataFrame:
        """A frame of pandas: a row for each thing, units in the columns' names. Raises InputError for one that there isn't."""
        name = self.FRAMES[0] if of is None and self.FRAMES else of
        if name is None or name not in self.FRAMES:
            raise InputError(
                f"to_frame: found {name!r}; choose from {', '.join(self.FRAMES) or 'none: this is one row'}"
            )
        rows = list(self._rows(name))
        import pandas

        return pandas.DataFrame(rows)

    def write_csv(self, path: str | Path, of: str | None = None) -> Path:
        """The frame as a CSV file, whole or not at all. Raises ArtifactError when it can't be written."""
        text = self.to_frame(of).to_csv(index=False)
        with whole_file(Path(path)) as part:
            part.write_text(text, encoding="utf-8")
        return Path(path)

    def __str__(self) -> str:
        from rich.console import Console

        told = io.StringIO()
        Console(file=told, width=_WIDTH, force_terminal=False, force_jupyter=False, color_system=None).print(self)
        return "\n".join(line.rstrip() for line in told.getvalue().splitlines())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._in_a_line()}>"

    def _repr_html_(self) -> str:
        from edgedigits.api.render.page.notebook import show_result

        frames = {name: list(self._rows(name)) for name in self.FRAMES}
        return show_result(self._in_a_line(), frames, self.DRAWN, str(self))
