"""The modules of a checkout and their imports, lazy and type-checking ones too; nothing is imported to find them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TOOLKIT, RUNNER = "edgedigits", "edgedigits_runner"
RUNNER_ROOM = "runner"


@dataclass(frozen=True)
class House:
    """The toolkit and the runner in the checkout at `root`.

    A room is what lies at the top of the toolkit, a folder or a module; the runner is one, too. The package itself has room "".
    """

    root: Path

    @property
    def toolkit(self) -> Path:
        """The folder of the toolkit's package."""
        return self.root / TOOLKIT

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Dotted name to file."""
        found = {}
        for base in (self.toolkit, self.root / "device" / RUNNER):
            for path in sorted(base.rglob("*.py")):
                parts = path.relative_to(base.parent).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = path
        return found

    @cached_property
    def imports(self) -> dict[str, frozenset[str]]:
        """Module to those that it imports, at whatever depth the line stands."""
        return {name: frozenset(self._imported(path)) for name, path in self.modules.items()}

    def _imported(self, path: Path) -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (one.name for one in node.names if one.name in self.modules)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    whole = f"{node.module}.{one.name}"
                    found = whole if whole in self.modules else node.module
                    if found in self.modules:
                        yield found

    def room(self, module: str) -> str:
        """ "models"."""
        top, _, rest = module.partition(".")
        return RUNNER_ROOM if top == RUNNER else rest.partition(".")[0]

    def folder(self, module: str) -> str:
        """Of a module of the toolkit, below it: "models/graph"."""
        return self.modules[module].relative_to(self.toolkit).parent.as_posix()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each module with each that it imports, but for the package itself."""
        return ((one, other) for one, others in self.imports.items() for other in others if self.room(other))

    def wrong_rooms(self, may: Mapping[str, str]) -> list[str]:
        """The imports between rooms that `may` does not list."""
        return [
            f"{one} imports {other}"
            for one, other in self.pairs()
            if self.room(one) != self.room(other) and self.room(other) not in may.get(self.room(one), "").split()
        ]

    def wrong_folders(self, within: Mapping[str, str]) -> list[str]:
        """The imports between folders of one room that `within` does not list."""
        return [
            f"{one} imports {other}"
            for one, other in self.pairs()
            if self.room(one) == self.room(other) != RUNNER_ROOM
            and self.folder(one) != self.folder(other)
            and self.folder(other) not in within.get(self.folder(one), "").split()
        ]

    def circles(self) -> list[list[str]]:
        """The modules of each circle: each of them reaches all the others by imports."""
        reach = {name: self._reached(name) for name in self.modules}
        found = {frozenset(other for other in reach[name] if name in reach[other]) for name in reach}
        return sorted(sorted(circle) for circle in found if circle)

    def _reached(self, start: str) -> set[str]:
        """The modules that `start` needs; itself only by way of another."""
        found: set[str] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            waiting += (new := self.imports[name] - found - {name})
            found |= new
        return found
