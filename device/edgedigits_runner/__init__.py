"""The device side of edgedigits: files in, JSON out, with NumPy and one interpreter, nothing else.

Runs on Python 3.9+ and NumPy 1 or 2, as `python -m edgedigits_runner` or as the one file edgedigits-runner.pyz.
`command_line` says what it can do; every command is a module of its own, imported only when it is called.
"""

SCHEMA = 1
