"""`deploy` and `runner`: an artifact on a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.api.calls import command
from edgedigits.api.given import PathLike
from edgedigits.api.progress import Watch, telling
from edgedigits.api.result import Result
from edgedigits.ground.artifact_folder import Artifact, hash_file
from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.devices.deploy import DeployReport


@dataclass(frozen=True, repr=False)
class Deployment(Result):
    """What a deploy did. Frame: "release", one row; seconds and bytes."""

    FRAMES: ClassVar[tuple[str, ...]] = ("release",)

    target: str
    report: DeployReport

    def as_json(self) -> JsonObject:
        return asdict(self.report)

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(self._in_a_line(), no_wrap=True)

    def _in_a_line(self) -> str:
        one = self.report
        done = f"in use after {one.seconds:.1f} s" if one.changed else "already there"
        return f"{self.target}: release {one.release} ({one.runtime}) {done}"

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        found = {key: value for key, value in self.as_json().items() if not isinstance(value, dict)}
        return [{"target": self.target, **found}]


@dataclass(frozen=True, repr=False)
class Runner(Result):
    """The device runner as one file. Frame: "file", one row."""

    FRAMES: ClassVar[tuple[str, ...]] = ("file",)

    path: Path
    size_bytes: int

    def as_json(self) -> JsonObject:
        return {"schema": 1, "path": str(self.path), "size_bytes": self.size_bytes, "sha256": hash_file(self.path)}

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(self._in_a_line(), no_wrap=True)

    def _in_a_line(self) -> str:
        return f"{self.path}: {self.size_bytes:,} bytes; python3 {self.path.name} --help"

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        return [self.as_json()]


@command(runtime=("auto", *ON_DEVICES))
def deploy(
    artifact: Artifact | PathLike,
    target: str,
    *,
    port: int | None = None,
    directory: str = "edgedigits",
    identity: PathLike | None = None,
    ssh_config: PathLike | None = None,
    no_network: bool = False,
    runtime: Any = "auto",
    service: str | None = None,
    opencv: bool = False,
    progress: Watch = None,
) -> Deployment:
    """Bring an artifact into use on a device, "user@host", through your own OpenSSH; what goes wrong leaves the old one in use.

    directory: on the device; no_network: packages are collected here; service: "http", "http:PORT" or "watch:FOLDER" runs it as a
    systemd user service; opencv: also install what reads PNG, JPEG and the camera. Raises InputError's kinds where nothing was
    changed there, DeployError where it was rolled back.

    >>> ed.deploy("nowhere", "pi@raspberrypi.local", progress=False)
    Traceback (most recent call last):
    edgedigits.errors.ArtifactError: nowhere: not an artifact folder that can be used...
    """
    from edgedigits.devices.deploy import DeployWish
    from edgedigits.devices.deploy import deploy as run

    wish = DeployWish(
        target,
        port=port,
        directory=directory,
        runtime=runtime,
        identity=None if identity is None else Path(identity),
        no_network=no_network,
        service=service,
        opencv=opencv,
        ssh_config=None if ssh_config is None else Path(ssh_config),
    )
    folder = artifact.path if isinstance(artifact, Artifact) else Path(artifact)
    with telling(progress) as told:
        return Deployment(target, run(folder, wish, told.say, told.say))


@command()
def runner(out: PathLike = "edgedigits-runner.pyz") -> Runner:
    """Write the device runner as one file, whole or not at all, for a device that you fill by hand. Raises ArtifactError.

    >>> ed.runner("edgedigits-runner.pyz").path.name
    'edgedigits-runner.pyz'
    """
    from edgedigits.devices.runner_archive import write_runner

    path = write_runner(Path(out))
    return Runner(path, path.stat().st_size)
