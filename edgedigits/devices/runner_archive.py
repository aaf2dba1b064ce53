"""The device runner as one file, edgedigits-runner.pyz: it needs no installing, only Python, NumPy and an interpreter.

Docstrings are left out of it, and their lines left empty, so that it stays under 100 KB and tracebacks fit the sources.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
import zipfile
from pathlib import Path

from edgedigits.ground.atomic import whole_file
from edgedigits.measure.local_runner import find_runner_package

NAME = "edgedigits-runner.pyz"
RUNNER_BYTES = 100_000

_SHEBANG = b"#!/usr/bin/env python3\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file knows
_START = "boot"  # the module that becomes __main__.py


def build_runner() -> bytes:
    """The file (PEP 441); the same sources give the same bytes."""
    package = find_runner_package()
    paths = sorted(package.glob("*.py"))
    sources = {f"{package.name}/{path.name}": strip_comments(path.read_text(encoding="utf-8")) for path in paths}
    digest = hashlib.sha256("\0".join(part for item in sources.items() for part in item).encode()).hexdigest()
    buffer = io.BytesIO()
    buffer.write(_SHEBANG)
    with zipfile.ZipFile(buffer, "a") as archive:
        start = f"{sources[f'{package.name}/{_START}.py']}\n\n{_START}({digest[:16]!r})\n"
        archive.writestr(_entry("__main__.py"), start, zipfile.ZIP_STORED)  # to be read without importing zlib
        for name, source in sources.items():
            archive.writestr(_entry(name), source, zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def write_runner(path: Path) -> Path:
    """Write it there, whole or not at all, executable. Raises ArtifactError when it can't be written."""
    with whole_file(path) as part:
        part.write_bytes(build_runner())
        part.chmod(0o755)
    return path


def strip_comments(source: str) -> str:
    """The same code on the same lines, without comments, docstrings, annotations of functions and imports for those alone;
    a docstring that is all of a body stays."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column].rstrip()
    tree = ast.parse(source)
    _strip_annotations(tree, lines)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and len(node.body) > 1:
            for each in node.body:
                if (_is_docstring(each) or _is_for_types(each)) and each.end_lineno is not None:
                    lines[each.lineno - 1 : each.end_lineno] = [""] * (each.end_lineno - each.lineno + 1)
    return "\n".join(lines) + "\n"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _strip_annotations(tree: ast.Module, lines: list[str]) -> None:
    """Nothing reads them: every module has them as texts (PEP 563). One that takes several lines stays."""
    cuts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            cuts.append((node.annotation, node.lineno, node.col_offset + len(node.arg)))
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            line = node.returns.lineno
            cuts.append((node.returns, line, lines[line - 1].rfind(" ->", 0, node.returns.col_offset)))
    for annotation, line, start in sorted(cuts, key=lambda cut: (cut[1], -cut[2])):
        if annotation.lineno == annotation.end_lineno == line and start >= 0 and lines[line - 1].isascii():
            lines[line - 1] = lines[line - 1][:start] + lines[line - 1][annotation.end_col_offset :]


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.create_system = 3  # Unix, wherever it is built
    entry.external_attr = 0o644 << 16
    return entry
