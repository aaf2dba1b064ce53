"""The same page as Markdown and as rows of one long table. Figures and images are left to the HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from edgedigits.api.render.page.blocks import (
    Beside,
    Block,
    Code,
    Lines,
    Matrix,
    Section,
    Sheet,
    Table,
    Text,
    Told,
    find,
    write_piece,
    write_text,
)
from edgedigits.api.render.page.markup import Chapter, Page
from edgedigits.ground.facts import JsonObject


def write_markdown(page: Page, document: Any) -> str:
    """All sentences and tables of a page."""
    lines = list(_lines(page, document))
    return "\n".join(lines).rstrip() + "\n"


def _lines(page: Page, document: Any) -> Iterator[str]:
    yield from (f"# {_say(page.title, document)}", "")
    many = len(page.chapters) > 1
    if many:
        yield from (_say(page.sentence, document), "")
        for section in page.overview:
            yield from _section(section, document, "##")
    for chapter in page.chapters:
        if many:
            yield from (f"## {_say(chapter.title, document)}", "")
        yield from _head(chapter, document)
        for section in () if many else page.overview:
            yield from _section(section, document, "##")
        for section in chapter.sections:
            yield from _section(section, document, "###" if many else "##")
    yield from (_say(text, document) for text in page.closing)


def write_blocks(blocks: tuple[Block, ...], document: Any) -> str:
    """A few blocks by themselves."""
    lines = [line for block in _flat(blocks) for line in _block(block, document)]
    return "\n".join(lines).rstrip() + "\n"


def _head(chapter: Chapter, document: Any) -> Iterator[str]:
    yield from (f"**{chapter.word}.** {_say(chapter.sentence, document)}", "")
    if chapter.reasons:
        yield from (*(f"- {_say(reason, document)}" for reason in chapter.reasons), "")
    if chapter.tiles:
        yield from ("| | this model | | |", "|---|---|---|---|")
    for tile in chapter.tiles:
        yield f"| {tile.title} | {' | '.join(_say(text, document) for text in (tile.after, tile.change, tile.before))} |"
    yield ""


def _section(section: Section, document: Any, mark: str) -> Iterator[str]:
    yield from (f"{mark} {section.title}", "")
    for text in (section.left_out, section.lead):
        if text:
            yield from (_say(text, document), "")
    for block in _flat(section.blocks):
        yield from _block(block, document)


def _flat(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield from block.blocks if isinstance(block, Beside) else (block,)


def _block(block: Block, document: Any) -> Iterator[str]:
    if isinstance(block, Lines):
        for text in block.texts:
            yield from (_say(text, document), "")
    elif isinstance(block, Table):
        yield from _table(block, document)
    elif isinstance(block, Matrix):
        yield from _matrix(block, document)
    elif isinstance(block, Sheet):
        yield from _sheet(block, document)


def _table(block: Table, document: Any) -> Iterator[str]:
    if block.title:
        yield from (f"**{_say(block.title, document)}**", "")
    yield f"| {' | '.join(column.name for column in block.columns)} |"
    yield "|" + "".join("---:|" if column.number else "---|" for column in block.columns)
    for row in block.rows:
        yield f"| {' | '.join(_say(cell, document) for cell in row)} |"
    yield ""
    if block.note:
        yield from (_say(block.note, document), "")


def _matrix(block: Matrix, document: Any) -> Iterator[str]:
    names = [_escape(str(name)) for name in find(document, block.names)]
    yield from (f"**{block.title}** (rows: the true class, columns: the answer)", "")
    yield f"| | {' | '.join(names)} |"
    yield "|---|" + "---:|" * len(names)
    for name, row in zip(names, find(document, block.path), strict=True):
        yield f"| {name} | {' | '.join(f'{count:,}' for count in row)} |"
    yield ""


def _sheet(block: Sheet, document: Any) -> Iterator[str]:
    yield "| image | true | float | | this model | |"
    yield "|---:|---|---|---|---|---|"
    for at, flip in enumerate(find(document, block.path)):
        here, cells = f"{block.path}/{at}", []
        for form in ("float", "compressed"):
            for place in range(len(flip[form])):
                answer = f"{here}/{form}/{place}"
                cells.append(_say((Told(f"{answer}/class"), " ", Told(f"{answer}/share", "share")), document))
        told = [_say((Told(f"{here}/{key}", form),), document) for key, form in (("index", "count"), ("label", "text"))]
        yield f"| {' | '.join([*told, *cells])} |"
    yield ""


def _say(text: Text, document: Any) -> str:
    return "".join(
        f"`{write_piece(piece, document)}`" if isinstance(piece, Code) else _escape(write_piece(piece, document))
        for piece in text
    )


def _escape(text: str) -> str:
    """Names are data: what Markdown or HTML would read in them is shown as it is."""
    shown = re.sub(r"\s", " ", text).replace("\\", "\\\\").replace("|", "\\|")
    return shown.replace("<", "&lt;").replace("`", "\\`").replace("*", "\\*").replace("_", "\\_")


def list_rows(page: Page, document: Any) -> Iterator[JsonObject]:
    """A row for each cell of each table: artifact, section, table, row, column and the value itself, uncut."""
    for section in page.overview:
        yield from _list_section("", section, document)
    for chapter in page.chapters:
        name = write_text(chapter.title, document)
        for section in chapter.sections:
            yield from _list_section(name, section, document)


def _list_section(artifact: str, section: Section, document: Any) -> Iterator[JsonObject]:
    for block in _flat(section.blocks):
        if isinstance(block, Table):
            for number, row in enumerate(block.rows):
                for column, cell in zip(block.columns, row, strict=True):
                    where = {"artifact": artifact, "section": section.key, "table": block.name, "row": number}
                    yield {**where, "column": column.name, "value": _find_value(cell, document)}
        elif isinstance(block, Matrix):
            names = find(document, block.names)
            for true, counts in zip(names, find(document, block.path), strict=True):
                for answer, count in zip(names, counts, strict=True):
                    where = {"artifact": artifact, "section": section.key, "table": block.title, "row": true}
                    yield {**where, "column": answer, "value": count}


def _find_value(cell: Text, document: Any) -> Any:
    if len(cell) == 1 and isinstance(cell[0], Told):
        value = find(document, cell[0].path)
        return value if isinstance(value, (int, float)) else write_text(cell, document)
    return write_text(cell, document)
