"""Writes a report: the page, the JSON beside it, and Markdown where it is asked for; each whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits.api.render.page.markup import write_page
from edgedigits.api.render.page.plain_text import write_markdown
from edgedigits.api.report.gather import Request, gather
from edgedigits.api.report.pages import make_page
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable, whole_file
from edgedigits.ground.facts import JsonObject, Progress, Say

_MARK, _HEAD = b'"kind": "report"', 200
FORMS: Final = {".html": "html", ".htm": "html", ".md": "markdown"}


@dataclass(frozen=True)
class Places:
    """Where a report goes: `out` ends in .html or .md, its JSON lies beside it under the same name; `markdown` is one more."""

    out: Path
    markdown: Path | None = None

    @property
    def json(self) -> Path:
        return self.out.with_suffix(".json")

    def check(self, option: str = "--out") -> None:
        """Raises InputError for another form and for a file of another kind that would be lost, ArtifactError where one can't be
        written: before any work."""
        if self.out.suffix.lower() not in FORMS:
            raise InputError(
                f"{option} {self.out}: found {self.out.suffix or 'no ending'}; end it in {', '.join(FORMS)}"
            )
        for path in (self.out, self.json, self.markdown):
            if path is None:
                continue
            if path.is_dir():
                raise InputError(f"{path}: a folder; give the name of a file")
            check_writable(path.parent, path.name)
        if self.json.exists() and _MARK not in self.json.read_bytes()[:_HEAD]:
            raise InputError(f"{self.json}: is no report's JSON, and would be lost; give {option} another name")


def make_report(request: Request, places: Places, say: Say, progress: Progress) -> JsonObject:
    """The document of a report that was written. Raises InputError's kinds."""
    document = gather(request, say, progress)
    for path in write_files(document, places):
        say(f"written: {path}")
    return document


def write_files(document: JsonObject, places: Places) -> list[Path]:
    """The files of a document. Raises ArtifactError where one can't be written."""
    page = make_page(document)
    texts = {places.json: json.dumps(document, indent=1) + "\n"}
    texts[places.out] = (write_page if FORMS[places.out.suffix.lower()] == "html" else write_markdown)(page, document)
    if places.markdown is not None:
        texts[places.markdown] = write_markdown(page, document)
    for path, text in texts.items():
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")
    return list(texts)
