"""The README and the pages under docs/: which there are, their code blocks, and their commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"

SHOWN = ("console", "bash", "shell")
"""Languages of blocks in which commands have a prompt and what they print follows."""

_NAMED = re.compile(r"# (\S+\.(?:yaml|py))\n")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^(```|~~~).*?^\1$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """The README, then every page of docs/ by name."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def read(page: Path) -> str:
    """The text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> Iterator[str]:
    """The bodies of a page's fenced blocks in these languages, in order."""
    for found in _BLOCK.finditer(text):
        if found[1] in languages:
            yield found[2]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCED.sub("", text)


def commands(text: str) -> list[str]:
    """Every command, in order: continued lines joined, prompts taken off; in console blocks the other lines are output."""
    found = []
    for block in _BLOCK.finditer(text):
        lines = block[2].replace("\\\n", " ").splitlines()
        if block[1] in SHOWN:
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        if block[1] in (*SHOWN, "sh"):
            found += [" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#")]
    return found


def files(text: str) -> dict[str, str]:
    """The files that a page shows whole: blocks of YAML or Python whose first line is a comment with a file's name."""
    return {named[1]: body for body in blocks(text, "yaml", "python") if (named := _NAMED.match(body))}


def programs(text: str) -> list[str]:
    """The Python of a page that is run where it stands: blocks that are no files."""
    return [body for body in blocks(text, "python") if not _NAMED.match(body)]
