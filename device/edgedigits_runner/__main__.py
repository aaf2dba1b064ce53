"""`python -m edgedigits_runner COMMAND ...`"""

from __future__ import annotations

import sys

from edgedigits_runner.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
