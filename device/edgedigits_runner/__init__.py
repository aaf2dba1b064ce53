"""The device side of edgedigits: files in, JSON out, with NumPy and one interpreter, nothing else.

Runs on Python 3.9+ and NumPy 1 or 2, as `python -m edgedigits_runner` or as the one file edgedigits-runner.pyz.
`command_line` says what it can do; every command is a module of its own, imported only when it is called.
"""

SCHEMA = 1
"""Of jobs, and of all results but those of `RESULT_SCHEMAS`."""
RESULT_SCHEMA = 2
"""Of the results of bench and evaluate: each model's task and scores stand in it since. Those of schema 1 are classification."""
