"""What models answer on a Raspberry Pi's processor: the interpreter's own arm64 package runs them under QEMU.

For answers that this machine can't give: those of float16 arithmetic, of kernels for arm64 alone.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedigits.errors import EdgeDigitsError, InputError
from edgedigits.ground.facts import Say
from edgedigits.measure.qemu.boards import find_board_with, list_shown_files
from edgedigits.measure.qemu.commands import run_group
from edgedigits.measure.qemu.packages import find_packages
from edgedigits.measure.qemu.rootfs import build_rootfs, make_guest_command
from edgedigits.measure.runtimes.wheels import DeviceRuntime

SCRIPT = Path(__file__).with_name("answer_guest.py")
SECONDS = 600.0


def answer_each(
    flats: Sequence[bytes],
    inputs: NDArray[np.float32],
    cpu: str = "cortex-a76",
    runtime: DeviceRuntime = "litert",
    *,
    say: Say = print,
) -> list[NDArray[np.float32]]:
    """Outputs [n, classes] of each model, one thread and the default kernels, to float `inputs` [n, ...].

    About 20 ms an image and million of multiply-adds; the first call of all builds a userland. Raises InputError for an unknown
    core or where QEMU does not end, EdgeDigitsError where the interpreter can't run a model.
    """
    board, packages, tree = find_board_with(cpu), find_packages(runtime, say), build_rootfs("bookworm", say)
    with tempfile.TemporaryDirectory(prefix="edgedigits-answers-") as name:
        place = Path(name)
        for path, text in list_shown_files(board).items():
            (place / "root" / path).parent.mkdir(parents=True, exist_ok=True)
            (place / "root" / path).write_text(text)
        for part in ("usr", "lib", "bin", "etc"):
            (place / "root" / part).symlink_to(tree.resolve() / part)
        np.save(place / "inputs.npy", inputs)
        models = [place / f"{number}.tflite" for number in range(len(flats))]
        for model, flat in zip(models, flats, strict=True):
            model.write_bytes(flat)
        words = [str(SCRIPT), str(place / "inputs.npy"), str(place / "outputs.npz"), *map(str, models)]
        command = make_guest_command("bookworm", place / "root", words, cpu)
        _run([*command[:1], "-E", f"PYTHONPATH={packages}", *command[1:]])
        with np.load(place / "outputs.npz") as found:
            return [found[str(number)] for number in range(len(flats))]


def _run(command: Sequence[str | Path]) -> None:
    if shutil.which(str(command[0])) is None:
        raise InputError("models are answered under QEMU: install qemu-user")
    try:
        done = run_group(list(map(str, command)), Path("/"), {}, SECONDS)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"answering under emulation did not end within {SECONDS:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise EdgeDigitsError(f"the emulated interpreter ended with exit code {done.returncode}: {(said or [''])[-1]}")
