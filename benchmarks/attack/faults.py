"""What fell: faults by reader, kind and place, each with the first files that showed it."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

KEPT = 3
"""Files that are kept of each fault."""
WRONG = ("raised", "ended", "hang", "memory", "died")


@dataclass
class Fault:
    """One way to fall. `files` are names in the folder of faults."""

    reader: str
    how: str
    what: str
    where: str
    words: str
    count: int = 0
    files: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.reader}: {self.how} {self.what}" + (f" at {self.where}" if self.where else "")


class Tally:
    """All that was tried, counted; several threads may tell it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: Counter[str] = Counter()
        self.outcomes: dict[str, Counter[str]] = {}
        self.seconds: Counter[str] = Counter()
        self.faults: dict[tuple[str, str, str, str], Fault] = {}
        self.slow_once = 0
        self._lock = threading.Lock()

    def file(self, name: str) -> None:
        """One more file, by the ending of its name."""
        with self._lock:
            self.files[re.sub(r"^[^.]*", "", name)] += 1

    def tell(self, reader: str, found: dict[str, Any], file: Path, number: int) -> None:
        """One reading; the file is copied where it is among the first of a fault."""
        with self._lock:
            self.outcomes.setdefault(reader, Counter())[found["how"]] += 1
            self.seconds[reader] += found.get("seconds", 0.0)
            if found["how"] in WRONG:
                self._fault(reader, found, file, number)

    def _fault(self, reader: str, found: dict[str, Any], file: Path, number: int) -> None:
        key = (reader, found["how"], found["what"], found["where"])
        fault = self.faults.setdefault(key, Fault(*key, found.get("words", "")))
        fault.count += 1
        if len(fault.files) < KEPT:
            self.folder.mkdir(parents=True, exist_ok=True)
            words = re.sub(r"[^\w.-]+", "_", f"{reader}-{found['what']}-{found['where']}")[:80]
            name = f"{words}-{number}{''.join(file.suffixes[-2:])}"
            shutil.copy(file, self.folder / name)
            fault.files.append(name)
            (self.folder / "faults.json").write_text(json.dumps(self.as_json(), indent=1))

    def as_json(self) -> list[dict[str, Any]]:
        """The faults, those met most often first."""
        return [asdict(fault) for fault in sorted(self.faults.values(), key=lambda one: -one.count)]
