"""A cable between this machine and an emulated Pi: a pair of virtual interfaces with addresses nobody else has."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from edgedigits.errors import InputError
from edgedigits.measure.qemu.commands import run

_MOST = 64


@dataclass(frozen=True)
class Cable:
    """`name` is this machine's end. There is no route beyond it: the Pi sees this machine and nothing else."""

    name: str
    host: str
    guest: str

    def cut(self) -> None:
        """Pulls the plug: nothing passes, and neither side is told."""
        run(["ip", "link", "set", self.name, "down"], "the cable can't be cut", 20)

    def mend(self) -> None:
        run(["ip", "link", "set", self.name, "up"], "the cable can't be mended", 20)

    def remove(self) -> None:
        """Also when it is gone already, with the Pi's own end."""
        subprocess.run(["ip", "link", "delete", self.name], capture_output=True, timeout=20, check=False)


def lay(pid: int) -> Cable:
    """A cable whose other end, eth0, is in the network of process `pid`. The kernel refuses a name twice: that picks one."""
    trouble = "no virtual network interface can be made"
    for number in range(_MOST):
        cable = Cable(f"edgepi{number}", f"10.77.{number}.1", f"10.77.{number}.2")
        try:
            run(
                ["ip", "link", "add", cable.name, "type", "veth", "peer", "name", "eth0", "netns", str(pid)],
                trouble,
                20,
            )
        except InputError as error:
            if "File exists" in str(error):
                continue
            raise
        try:
            run(["ip", "addr", "add", f"{cable.host}/30", "dev", cable.name], trouble, 20)
            cable.mend()
        except BaseException:
            cable.remove()
            raise
        return cable
    raise InputError(f"{trouble}: {_MOST} emulated Pis are there already")
