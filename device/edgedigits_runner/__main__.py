"""`python -m edgedigits_runner bench|probe JOB.json RESULT.json`"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgedigits_runner import SCHEMA, __doc__
from edgedigits_runner.bench import bench
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import write_json
from edgedigits_runner.probe import probe

_COMMANDS = {"bench": bench, "probe": probe}


def main(arguments: list[str]) -> int:
    """The exit code: 0 fine, 2 the call, the job, a model, the data or the runtime was wrong."""
    if len(arguments) != 3 or arguments[0] not in _COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    command, job_path, result_path = arguments[0], Path(arguments[1]), Path(arguments[2])
    try:
        write_json(result_path, _COMMANDS[command](job_path, _say))
    except RunnerError as error:
        write_json(result_path, {"schema": SCHEMA, "kind": command, "error": error.as_json()})
        print(json.dumps(error.as_json()), file=sys.stderr)
        return 2
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
