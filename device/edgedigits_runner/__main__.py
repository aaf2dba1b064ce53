"""`python -m edgedigits_runner COMMAND ...`"""

from __future__ import annotations

import sys

from edgedigits_runner.command_line import start

if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
