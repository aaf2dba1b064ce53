"""A folder on a device, and what can be done in it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from edgedigits.devices.ssh.address import Address, check_directory
from edgedigits.devices.ssh.channel import Channel
from edgedigits.errors import DeviceError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.ground.foreign_json import make_plain
from edgedigits.measure.runtimes.device_facts import DeviceFacts
from edgedigits.measure.runtimes.wheelhouse import collect
from edgedigits.measure.runtimes.wheels import Packages, Wheel, find_pip_wheel

_CHUNK = 1 << 18
_SERVED_WAIT_S = 30.0  # an emulated Pi needs ten seconds to import NumPy


@dataclass(frozen=True)
class Ended:
    """How a command on the device ended; a negative code is the signal that ended it."""

    code: int
    errors: list[str]

    @property
    def last_words(self) -> str:
        said = [line for line in self.errors if line.strip() and not line.startswith("INFO:")]
        return make_plain(said[-1]) if said else f"exit code {self.code}"


@dataclass(frozen=True)
class State:
    """What stands in the folder; `intact` when the current release's files are as they were sent."""

    current: str | None
    previous: str | None
    releases: tuple[str, ...]
    venvs: tuple[str, ...]
    intact: bool


def connect(address: Address, folder: str = "edgedigits", say: Say = print, *, lock_wait_s: float = 45.0) -> Device:
    """Goes there and asks what it is; changes nothing yet. `folder` counts from the home there. Raises DeviceError.

    The first call that writes takes the folder's lock, waiting so long for another session; the lock is kept to the end.
    """
    check_directory(folder)
    channel = Channel(address, say)
    try:
        if channel.python < (3, 9):
            return Device(channel, DeviceFacts("linux", channel.python), say)
        channel.ask({"dir": folder, "lock_wait_s": lock_wait_s})
        return Device(channel, DeviceFacts.of(channel.ask({"do": "facts"})), say)
    except BaseException:
        channel.close()
        raise


class Device:
    """A context manager; paths are relative to the folder. Raises DeviceError, or DeployError for what failed there.

    On a Python below 3.9 only `facts` can be used: `wheels.choose` refuses such a device with a sentence.
    """

    def __init__(self, channel: Channel, facts: DeviceFacts, say: Say) -> None:
        self.facts, self._channel, self._say = facts, channel, say
        self.sent_bytes = 0

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    @property
    def where(self) -> str:
        return self._channel.where

    def refuse_root(self) -> None:
        """DeviceError when the login is root's: nothing of this needs it."""
        if self.facts.uid == 0:
            raise DeviceError(f"{self.where}: this is root there, and nothing runs as root; log in as an ordinary user")

    def state(self) -> State:
        told = self._channel.ask({"do": "state"})
        return State(told["current"], told["previous"], tuple(told["releases"]), tuple(told["venvs"]), told["intact"])

    def current(self) -> str | None:
        """The release in use."""
        return self.state().current

    def put(self, folder: str, files: Mapping[str, Path | bytes], progress: Say) -> int:
        """Makes `folder` hold these files; sends only what the device lacks, and says how many bytes that was."""
        items = [_item(name, content) for name, content in files.items()]
        sizes = {item["name"]: item["size"] for item in items}
        need = self._needed(self._channel.ask({"do": "put", "folder": folder, "files": items})["need"], sizes)
        meter = _Meter(sum(sizes[name] - have for name, have in need.items()), progress)
        for name, have in need.items():
            self._channel.send({"name": name, "have": have}, meter.counted(_pieces(files[name], have)))
        self._channel.answer()
        self.sent_bytes += meter.sent
        return meter.sent

    def get(self, path: str, most_bytes: int = 2**28) -> bytes:
        """A whole file. DeviceError where it is larger than is believed."""
        size = self._channel.ask({"do": "get", "path": path})["size"]
        if size > most_bytes:
            raise self._channel.not_understood(f"{path} has {size} bytes, at most {most_bytes} are taken")
        content = self._channel.content(size)
        self._channel.answer()
        return content

    def remove(self, path: str) -> None:
        """Removes a file or a folder, if it is there."""
        self._channel.ask({"do": "remove", "path": path})

    def run(self, argv: Sequence[str], folder: str, on_line: Say = lambda _: None) -> Ended:
        """Runs a command with `folder` as its working directory; its program may be relative to that. No shell."""
        told = self._channel.ask({"do": "run", "argv": list(argv), "cwd": folder}, on_line)
        return Ended(told["code"], told["errors"])

    def environment(self, packages: Packages, no_network: bool, progress: Say) -> str:
        """The path of an environment with exactly these packages; made now if it is not there."""
        path = f"venvs/{packages.hash}"
        if packages.hash in self.state().venvs:
            return path
        self.check_room(packages.size * 4, f"the packages of {packages.runtime}")
        pip = find_pip_wheel()
        self._put_wheels([pip], packages, progress)
        if no_network or not self._from_its_index(packages, pip, progress):
            self._put_wheels([pip, *packages.wheels], packages, progress)
            progress(f"installing {packages.runtime} on the device")
            self._make(packages, pip, online=False)
        self.remove("wheels")
        return path

    def check_room(self, wanted: int, what: str) -> None:
        """DeviceError when so many bytes won't fit."""
        if wanted > self.facts.free_bytes:
            free = self.facts.free_bytes / 1e6
            raise DeviceError(
                f"{self.where}: {what} need about {wanted / 1e6:.1f} MB, and {free:.1f} MB are free at {self.facts.root}; "
                "make room there"
            )

    def release(self, filled: str, name: str, environment: str) -> None:
        """The folder `filled` becomes the release `name`, running in that environment; it is not in use yet."""
        self._channel.ask({"do": "release", "filled": filled, "name": name, "venv": environment})

    def switch(self, name: str | None) -> None:
        """Makes a release the one in use, at once; None: none is."""
        self._channel.ask({"do": "switch", "name": name})

    def prune(self) -> list[str]:
        """Removes all but the release in use, the one before, and what they need; says what went."""
        removed: list[str] = self._channel.ask({"do": "prune"})["removed"]
        return removed

    def start_service(self, unit: str, folders: Sequence[str] = ()) -> tuple[bool, str]:
        """Installs and (re)starts the user unit; whether it also runs when nobody is logged in, and what was said of that."""
        told = self._channel.ask({"do": "start_service", "unit": unit, "folders": list(folders)})
        return told["lingers"], make_plain(told["said"])

    def stop_service(self) -> None:
        self._channel.ask({"do": "stop_service"})

    def unhealthy(self, port: int | None, *, fresh: bool = True) -> str:
        """Why the service does not run or answer; "" when it does. `fresh`: it was just started, so it gets time."""
        told = self._channel.ask({"do": "healthy", "port": port, "fresh": fresh, "wait_s": _SERVED_WAIT_S})
        return "" if told["ok"] else make_plain(told["why"]) or "it does not say why"

    def _needed(self, told: list[JsonObject], sizes: Mapping[str, int]) -> dict[str, int]:
        """How much it has of each file that it lacks, by name."""
        need = {lacking["name"]: lacking["have"] for lacking in told}
        wrong = [name for name, have in need.items() if have > sizes.get(name, -1)]
        if wrong or len(need) < len(told):
            raise self._channel.not_understood(f"need: found {wrong or told}, not what was offered")
        return need

    def _put_wheels(self, wheels: Sequence[Wheel], packages: Packages, progress: Say) -> None:
        self.put("wheels", collect(wheels, packages.python, progress), progress)

    def _from_its_index(self, packages: Packages, pip: Wheel, progress: Say) -> bool:
        progress(f"installing {packages.runtime} on the device from its own package index")
        told = self._make(packages, pip, online=True)
        if not told["made"]:
            self._say(
                f"{self.where}: it can't fetch the packages itself ({make_plain(told['why'])}): sending them from here"
            )
        return bool(told["made"])

    def _make(self, packages: Packages, pip: Wheel, *, online: bool) -> JsonObject:
        listed = [{"name": item.name, "version": item.version, "sha256": item.sha256} for item in packages.wheels]
        request = {"do": "venv", "name": packages.hash, "system_site": packages.system_numpy, "packages": listed}
        return self._channel.ask({**request, "pip": pip.file, "online": online})


class _Meter:
    """Counts what is sent and says so about once a second."""

    def __init__(self, total: int, progress: Say) -> None:
        self.sent, self._total, self._progress = 0, total, progress
        self._told = time.monotonic()

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self.sent += len(piece)
            if time.monotonic() - self._told > 1:
                self._told = time.monotonic()
                self._progress(f"sent {self.sent / 1e6:.1f} of {self._total / 1e6:.1f} MB")


def _item(name: str, content: Path | bytes) -> JsonObject:
    data = content if isinstance(content, bytes) else content.read_bytes()
    return {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _pieces(content: Path | bytes, start: int) -> Iterator[bytes]:
    data = content if isinstance(content, bytes) else content.read_bytes()
    for place in range(start, len(data), _CHUNK):
        yield data[place : place + _CHUNK]
