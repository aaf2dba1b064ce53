"""What a page is made of. A number is never text: it is `Told`, a place in the document and how to write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgedigits.api.render.page.numbers import word


@dataclass(frozen=True)
class Told:
    """A value of the document: `path` is a JSON pointer (RFC 6901), `form` one of `numbers.FORMS`."""

    path: str
    form: str = "text"


@dataclass(frozen=True)
class Code:
    """Words that are typed or read by a machine; a whole value of the document too."""

    what: Told


Piece = str | Told | Code
Text = tuple[Piece, ...]


@dataclass(frozen=True)
class Column:
    """`number`: set to the right. `bar`: a bar behind each number, as long as its share of 1."""

    name: str
    number: bool = True
    bar: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells, each a text; rows from `most` on are folded away. `name` is what its CSV rows are called."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]
    title: Text = ()
    note: Text = ()
    most: int = 12


@dataclass(frozen=True)
class Matrix:
    """Who is taken for whom: `path` leads to a table of counts in the document, `names` to what rows and columns are called."""

    title: str
    path: str
    names: str


@dataclass(frozen=True)
class Figure:
    """`draw` gives an SVG that takes the colours of the page; it is called only where that is shown."""

    draw: Callable[[], str]
    caption: Text


@dataclass(frozen=True)
class Sheet:
    """Images with their answers; `path` leads to a list as `findings.flips` makes it."""

    path: str


@dataclass(frozen=True)
class Lines:
    """Sentences one below the other."""

    texts: tuple[Text, ...]
    warning: bool = False


@dataclass(frozen=True)
class Beside:
    """Blocks that stand side by side where there is room."""

    blocks: tuple[Table | Matrix | Figure, ...]


Block = Table | Matrix | Figure | Sheet | Lines | Beside


@dataclass(frozen=True)
class Section:
    """A heading with a sentence of what is there; `left_out`, why nothing is."""

    key: str
    title: str
    lead: Text = ()
    blocks: tuple[Block, ...] = ()
    left_out: Text = ()


@dataclass(frozen=True)
class Tile:
    """One thing that is asked first: before, after, and what that makes."""

    title: str
    after: Text
    before: Text
    change: Text
    good: bool | None = None


@dataclass(frozen=True)
class Drawn:
    """Which numbers of a result are drawn: of the frame `frame` a bar for each row, as long as `value` and called by `names`; or
    a `line`, over the first of `names`."""

    frame: str
    names: tuple[str, ...]
    value: str
    words: str
    line: bool = False


def point(*keys: str | int) -> str:
    """A JSON pointer to these keys."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)


def find(document: Any, path: str) -> Any:
    """What a JSON pointer leads to; KeyError or IndexError where there is nothing."""
    here = document
    for key in path.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        here = here[int(key)] if isinstance(here, list) else here[key]
    return here


def write_text(text: Text, document: Any) -> str:
    """A text as it reads."""
    return "".join(write_piece(piece, document) for piece in text)


def write_piece(piece: Piece, document: Any) -> str:
    """One piece of it as it reads."""
    if isinstance(piece, Code):
        return write_piece(piece.what, document)
    return piece if isinstance(piece, str) else word(find(document, piece.path), piece.form)


def join_texts(texts: Sequence[Text], between: str = ", ") -> Text:
    """Texts one behind the other."""
    found: list[Piece] = []
    for text in texts:
        found += [between, *text] if found else text
    return tuple(found)
