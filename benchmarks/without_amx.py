"""Runs a command whose processes may not use AMX, so that an x86-64 server times the kernels that smaller machines have too.

    python benchmarks/without_amx.py COMMAND ...

Linux lends AMX's tiles to a process that asks for them: arch_prctl(ARCH_REQ_XCOMP_PERM). A seccomp filter answers that call with
EPERM, and libraries choose other kernels. No Raspberry Pi has AMX, and LiteRT's kernels for it take several times as long over a
first convolution of few channels as those without.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import struct
import sys
from pathlib import Path

_LOAD, _UNLESS_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM = 158, 0x1023
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
_FILTER = (
    (_LOAD, 0, 0, 0),  # the call's number
    (_UNLESS_EQUAL, 0, 3, _ARCH_PRCTL),
    (_LOAD, 0, 0, 16),  # its first argument
    (_UNLESS_EQUAL, 0, 1, _ARCH_REQ_XCOMP_PERM),
    (_RETURN, 0, 0, _EPERM),
    (_RETURN, 0, 0, _ALLOW),
)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


def has_amx() -> bool:
    """True where the CPU has AMX's tiles for int8."""
    return "amx_int8" in Path("/proc/cpuinfo").read_text()


def python_without_amx(folder: Path) -> Path:
    """A Python, written into `folder`, that is this one in all else."""
    script = folder / "python-without-amx"
    command = shlex.join([sys.executable, str(Path(__file__).resolve()), sys.executable])
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o755)
    return script


def refuse_amx() -> None:
    """This process, and every one it starts, gets no tiles from here on. Raises OSError where the kernel has no seccomp."""
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _FILTER))
    given = struct.pack("HxxxxxxQ", len(_FILTER), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, given, 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_amx()
    os.execvp(sys.argv[1], sys.argv[1:])
