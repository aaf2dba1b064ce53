"""Pages and fragments in HTML: jinja2's templates, and what they ask for. All text of a document is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from edgedigits.api.render.page.blocks import Block, Code, Column, Piece, Section, Text, Tile, Told, find, write_text
from edgedigits.api.render.page.numbers import word

_TEMPLATES: Final = Path(__file__).parent / "templates"
_DEEP: Final = 0.6
"""Of a colour: on more of it letters are light."""

_LONG: Final = 24
"""Letters of a cell that is not to be squeezed."""
_NOTEBOOK: Final = """
--ink: currentColor; --ink-soft: color-mix(in srgb, currentColor 65%, transparent); --card: transparent;
--line: color-mix(in srgb, currentColor 18%, transparent); --wash: color-mix(in srgb, currentColor 7%, transparent);
--float: #8b95a5; --compressed: #3f7fe0; --third: #d9722e; --fourth: #1fa184; --good: #219a5e; --weigh: #b57a14; --bad: #d9483f;
"""


@dataclass(frozen=True)
class Chapter:
    """What is told of one artifact; `state` is holds, weigh or fails, `word` that for people."""

    title: Text
    state: str
    word: str
    sentence: Text
    reasons: tuple[Text, ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Page:
    """A whole page; `sentence` and `state` are those of all chapters together."""

    title: Text
    over: Text
    state: str
    sentence: Text
    overview: tuple[Section, ...]
    chapters: tuple[Chapter, ...]
    closing: tuple[Text, ...]


def write_page(page: Page, document: Any) -> str:
    """One HTML file that needs nothing beside it; each number is in an element that says by `data-path`, a JSON pointer, where in
    `document` it stands, and by `data-form` how it is written."""
    text: str = _make_environment(document).get_template("page.html.jinja").render(page=page, css=_read_css())
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"


def write_fragment(title: str, shown: Sequence[Block], folded: Sequence[Block], document: Any) -> str:
    """A few blocks for a notebook, some of them folded away, and what `document` has as printed."""
    made = _make_environment(document).get_template("fragment.html.jinja")
    text: str = made.render(title=title, shown=shown, folded=folded, css=_confine(_read_css()))
    return text.strip()


def _read_css() -> str:
    return (_TEMPLATES / "page.css").read_text(encoding="utf-8")


def _confine(css: str) -> str:
    """The rules of blocks alone, inside of .edgedigits, in the ink that is there: a notebook's own look stays as it is."""
    kept = css[css.index(".block {") : css.index("article +")]
    return f".edgedigits {{\n{_NOTEBOOK}\n{kept}}}"


def _make_environment(document: Any) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "tell": lambda text: Markup("").join(_tell(piece, document) for piece in text),
        "told": lambda path, form: _tell(Told(path, form), document),
        "plain": lambda text: write_text(text, document),
        "value": lambda path: find(document, path),
        "kind": lambda block: type(block).__name__,
        "cell_class": _cell_class,
        "bar": lambda cell, column: _bar(cell, column, document),
        "matrix_share": _matrix_share,
        "matrix_class": _matrix_class,
    }
    return made


def _tell(piece: Piece, document: Any) -> Markup:
    if isinstance(piece, Code):
        return Markup("<code>{}</code>").format(_tell(piece.what, document))
    if isinstance(piece, str):
        return escape(piece)
    value = find(document, piece.path)
    tag = "data" if isinstance(value, (int, float)) else "span"
    machine = Markup(' value="{}"').format(value) if tag == "data" else ""
    return Markup('<{} data-path="{}" data-form="{}"{}>{}</{}>').format(
        Markup(tag), piece.path, piece.form, machine, word(value, piece.form), Markup(tag)
    )


def _cell_class(column: Column, letters: int = 0) -> Markup:
    names = [name for name, holds in (("number", column.number), ("bar", column.bar)) if holds] or ["name"]
    names += ["long"] if letters > _LONG and not column.number else []
    return Markup(' class="{}"').format(" ".join(names))


def _bar(cell: Text, column: Column, document: Any) -> Markup:
    told = next((piece for piece in cell if isinstance(piece, Told)), None)
    share = find(document, told.path) if told and column.bar else None
    if not isinstance(share, (int, float)):
        return Markup("")
    return Markup(' style="--share:{}"').format(f"{min(1.0, max(0.0, share)):.3f}")


def _matrix_share(count: int, row: Sequence[int]) -> str:
    """What of a row's images stands here; the root of it, so that a few can be seen."""
    return f"{(count / max(1, sum(row))) ** 0.5:.3f}"


def _matrix_class(count: int, row: Sequence[int], at: int, column: int) -> str:
    deep = float(_matrix_share(count, row)) > _DEEP
    return ("right" if at == column else "wrong") + (" deep" if deep else "") + ("" if count else " none")
