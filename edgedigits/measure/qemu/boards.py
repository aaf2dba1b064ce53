"""The boards that can be emulated: QEMU's name of their core, and what their `/proc/cpuinfo` shows.

The guest must see a Pi's `/proc/cpuinfo`: with the host's, LiteRT 2.3 crashes; with none, XNNPACK is silently not used.
The core must be named too: QEMU's default has SVE and SME, which no Pi has, and int8 answers come out wrong there.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgedigits.errors import InputError

CORES = 4
_ARMV8_0 = "fp asimd evtstrm crc32 cpuid"
_ARMV8_2 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


@dataclass(frozen=True)
class EmulatedBoard:
    """A board as the kernel of 64-bit Raspberry Pi OS describes it."""

    model: str
    cpu: str
    revision: str
    part: str
    variant: int
    core_revision: int
    features: str


EMULATED_BOARDS = {
    "pi3": EmulatedBoard("Raspberry Pi 3 Model B Rev 1.2", "cortex-a53", "a02082", "0xd03", 0, 4, _ARMV8_0),
    "zero2": EmulatedBoard("Raspberry Pi Zero 2 W Rev 1.0", "cortex-a53", "902120", "0xd03", 0, 4, _ARMV8_0),
    "pi4": EmulatedBoard("Raspberry Pi 4 Model B Rev 1.4", "cortex-a72", "c03114", "0xd08", 0, 3, _ARMV8_0),
    "pi5": EmulatedBoard("Raspberry Pi 5 Model B Rev 1.0", "cortex-a76", "c04170", "0xd0b", 4, 1, _ARMV8_2),
}
CPUS = {"cortex-a53": "pi3", "cortex-a72": "pi4", "cortex-a76": "pi5"}
"""The cores that instructions are counted for, each with a board that has it."""


def find_board(name: str) -> EmulatedBoard:
    """The board of that name. Raises InputError when there is none."""
    if name not in EMULATED_BOARDS:
        raise InputError(f"board {name}: unknown; choose from {', '.join(EMULATED_BOARDS)}")
    return EMULATED_BOARDS[name]


def find_board_with(cpu: str) -> EmulatedBoard:
    """A board with that core. Raises InputError when none has it."""
    if cpu not in CPUS:
        raise InputError(f"--cpu {cpu}: unknown; choose from {', '.join(CPUS)}")
    return EMULATED_BOARDS[CPUS[cpu]]


def write_cpuinfo(board: EmulatedBoard) -> str:
    """The text of the board's `/proc/cpuinfo`."""
    core = (
        "BogoMIPS\t: 108.00\n"
        f"Features\t: {board.features}\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\n"
        f"CPU variant\t: {board.variant:#x}\nCPU part\t: {board.part}\nCPU revision\t: {board.core_revision}\n"
    )
    cores = "\n".join(f"processor\t: {number}\n{core}" for number in range(CORES))
    return f"{cores}\nRevision\t: {board.revision}\nSerial\t\t: 100000000000cafe\nModel\t\t: {board.model}\n"


def list_shown_files(board: EmulatedBoard) -> dict[str, str]:
    """Path inside the guest -> text: what the kernel of such a board would show there."""
    cores = f"0-{CORES - 1}\n"
    of_cores = {f"sys/devices/system/cpu/{name}": cores for name in ("online", "possible", "present")}
    return {"proc/cpuinfo": write_cpuinfo(board), **of_cores}
