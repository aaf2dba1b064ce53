"""Probes that are done, each kept in a file of its own: an interrupted run goes on there, a second one finds all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgedigits_runner.kept import is_object

from edgedigits.errors import DamagedError
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.ground.kept_files import read_sealed, set_aside, write_sealed
from edgedigits.pipeline.stage_cache import chain_key


@dataclass
class KeptProbes:
    """Under `key`, which names all that they depend on. `fresh`: what is kept is replaced; `say` gets a line about damage."""

    key: str
    fresh: bool
    say: Say
    kept: int = 0
    made: int = 0
    _done: dict[str, JsonObject] = field(default_factory=dict)

    def once(self, what: str, make: Callable[[], JsonObject]) -> JsonObject:
        """What is kept of that name, else what `make` gives, kept."""
        if what in self._done:
            return self._done[what]
        found = None if self.fresh else self._read(what)
        self.kept, self.made = (self.kept + 1, self.made) if found is not None else (self.kept, self.made + 1)
        if found is None:
            found = make()
            write_sealed(self._path(what), {"what": what, "found": found})
        self._done[what] = found
        return found

    def _read(self, what: str) -> JsonObject | None:
        path = self._path(what)
        if not path.is_file():
            return None
        try:
            found: JsonObject = read_sealed(path, {"found": is_object})["found"]
            return found
        except DamagedError as error:
            self.say(f"a kept probe is damaged, so it is set aside and made anew ({error})")
            set_aside(path)
            return None

    def _path(self, what: str) -> Path:
        return find_cache_dir() / "sensitivity" / self.key / f"{chain_key('', what=what)[:32]}.json"
