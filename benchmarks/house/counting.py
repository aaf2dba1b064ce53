"""What of the house can be counted: entries, files to a folder, `Any`, names that are defined more than once."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path


def entries(folder: Path) -> tuple[int, int]:
    """(Files, folders) that lie in it, less what Python leaves there when it runs."""
    found = [item for item in folder.iterdir() if item.name != "__pycache__"]
    files = sum(item.is_file() for item in found)
    return files, len(found) - files


def fullest(package: Path) -> tuple[str, int]:
    """The folder with the most files, at any depth, and how many it has; "." is the package itself."""
    counts = {folder.relative_to(package).as_posix(): entries(folder)[0] for folder in _folders(package)}
    name = max(sorted(counts), key=counts.__getitem__)
    return name, counts[name]


def _folders(package: Path) -> Iterator[Path]:
    yield package
    yield from (path for path in package.rglob("*") if path.is_dir() and "__pycache__" not in path.parts)


def any_count(source: str) -> int:
    """How often the code says `Any`: each name in it, of an annotation, an alias, a base or a cast.

    Imports do not count, nor do texts: comments, docstrings, annotations in quotes.
    """
    nodes = list(ast.walk(ast.parse(source)))
    plain = sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes)
    return plain + sum(isinstance(node, ast.Attribute) and node.attr == "Any" for node in nodes)


def any_per_thousand(package: Path) -> tuple[int, int, float]:
    """(`Any`, lines, `Any` per 1,000 lines) of a package; lines are all lines, empty ones and comments too."""
    texts = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    count, lines = sum(map(any_count, texts)), sum(len(text.splitlines()) for text in texts)
    return count, lines, 1000 * count / lines if lines else 0.0


def defined_twice(package: Path) -> dict[str, list[str]]:
    """Public classes, constants and type aliases at the top of more than one module, with the files that define them."""
    found = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for name in sorted(set(_defined(ast.parse(path.read_text(encoding="utf-8"))))):
            found[name].append(path.relative_to(package).as_posix())
    return {name: files for name, files in sorted(found.items()) if len(files) > 1}


def _defined(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.ClassDef):
            targets = [ast.Name(node.name)]
        elif isinstance(node, ast.Assign):
            targets = [part for one in node.targets for part in (one.elts if isinstance(one, ast.Tuple) else [one])]
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from (one.id for one in targets if isinstance(one, ast.Name) and one.id[0].isupper())
