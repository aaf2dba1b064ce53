"""A hook of MkDocs: the README is the site's first page, and what a page links to outside of docs/ comes into the site, too.

In the README and the pages every link is a plain relative one, so that it works wherever the repository is shown; here links
follow their files, which lie under beside/.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

FIRST = {"README.md": "index.md"}
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#]+)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the README and every linked file, once; a missing one is left to the strict build to find."""
    root = Path(config.config_file_path).parent
    files.append(File.generated(config, FIRST["README.md"], abs_src_path=str(root / "README.md")))
    found = set()
    for one in files.documentation_pages():
        text = one.content_string
        found |= {path for link in _LINK.findall(text) if (path := _outside(one.src_uri, link)) and path not in FIRST}
    for path in sorted(found):
        if (root / path).is_file():
            files.append(File.generated(config, _place(path), abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page with its links led to where their files are in the site."""
    uri = page.file.src_uri

    def led(found: re.Match[str]) -> str:
        path = _outside(uri, found[1])
        return (
            f"]({_place(path)}"
            if path
            else f"]({found[1].removeprefix('docs/') if uri in FIRST.values() else found[1]}"
        )

    return markdown if uri.startswith("beside/") else _LINK.sub(led, markdown)


def _outside(uri: str, link: str) -> str | None:
    """The path in the repository of what a page of the site links to, if that is not one of docs/ itself."""
    if uri in FIRST.values():
        return None if link.startswith("docs/") else link
    return link.removeprefix("../") if link.startswith("../") else None


def _place(path: str) -> str:
    """Where a file of the repository lies in the site; one without an ending is text."""
    return FIRST.get(path) or f"beside/{path}" + ("" if Path(path).suffix else ".txt")
