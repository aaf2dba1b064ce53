"""Running another program with a time limit; what goes wrong becomes one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgedigits.errors import InputError
from edgedigits.measure.runtimes.environments import clean_environment


def run(command: Sequence[str | Path], trouble: str, seconds: float, cwd: Path | None = None) -> str:
    """Standard output of a command that must succeed; else InputError: `trouble`, and the command's own reason."""
    words = [str(word) for word in command]
    try:
        done = run_group(words, cwd, clean_environment(), seconds)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{trouble}: {words[0]} did not end within {seconds:.0f} s") from error
    except OSError as error:
        raise InputError(f"{trouble}: {words[0]} can't be started ({error.strerror})") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace")
        raise InputError(f"{trouble}: {find_reason(said) or f'{words[0]} ended with exit code {done.returncode}'}")
    return done.stdout.decode(errors="replace")


def run_group(
    words: Sequence[str], cwd: Path | None, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """As `subprocess.run` with what is printed caught, in a group of processes of its own: when the time is over, or this is
    interrupted, all of them end, those too that the program forked. Raises subprocess.TimeoutExpired and OSError.
    """
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed, complaints = process.communicate(timeout=seconds)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return subprocess.CompletedProcess(words, process.returncode, printed, complaints)


def find_reason(said: str) -> str:
    """The line that tells most: the first that calls itself an error, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "ERROR", "error", "Error"))]
    return (errors or lines[-1:] or [""])[0]
