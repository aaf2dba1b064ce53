"""Read first, by whatever `python3` the device has: says which Python this is, and starts the agent where it is new enough.

Plain Python 3.6: an old one must be able to say that it is old. The agent's modules follow as counted JSON, name to source;
they are imported from memory, as the package `edgedigits_agent`, and nothing is written.
"""

import importlib.abc
import importlib.util
import json
import sys
from typing import Any, Dict  # noqa: UP035


class Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the agent's modules from their text."""

    def __init__(self, sources: Dict[str, str]) -> None:  # noqa: UP006
        self.sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002
        if name not in self.sources:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=name == "edgedigits_agent")

    def get_source(self, name: str) -> str:
        return self.sources[name]


def main() -> None:
    stdin = sys.stdin.buffer
    sources = json.loads(stdin.read(int(stdin.readline())).decode())
    # Only now, with nothing left in stdin's buffer: the host speaks as soon as it sees this mark, and from here on the
    # agent reads below that buffer. A login script may have printed something: the host skips all before the mark.
    print("\x1eedgedigits " + json.dumps({"python": list(sys.version_info[:3])}), flush=True)
    if sys.version_info >= (3, 9):  # noqa: UP036
        sys.meta_path.insert(0, Sources(sources))
        importlib.import_module("edgedigits_agent.main").main()


if __name__ == "__main__":
    main()
