"""`deploy` and `runner`, an artifact on a device; `profile`, what each operator takes here or there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits_runner.runtimes import ON_DEVICES, RUNTIMES

from edgedigits.api.calls import command
from edgedigits.api.given import PathLike
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.errors import InputError
from edgedigits.ground.artifact_folder import Artifact, hash_file
from edgedigits.ground.facts import JsonObject

_CHOICES = ("auto", *ON_DEVICES)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.devices.deploy import DeployReport, DeployWish
    from edgedigits.measure.profile.report import ProfileReport


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


@dataclass(frozen=True, repr=False)
class Profile(Result):
    """What each operator of a model takes. Frame: "operators", a row for each, with microseconds, shares of 1, and 10^9
    multiply-adds a second. `device` is None where it was measured here."""

    FRAMES: ClassVar[tuple[str, ...]] = ("operators",)
    DRAWN: ClassVar[Drawn | None] = Drawn("operators", ("index", "kind"), "share", "share of the time")

    report: ProfileReport
    device: str | None = None

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import profile as shown

        return shown.to_json(self.report, self.device)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import profile as shown

        return shown.render(self.report, self.device)

    def _in_a_line(self) -> str:
        found = self.report
        left = sum(one.delegation.runs is False for one in found.operators)
        return f"{found.source}, {len(found.operators)} operators, {left} of them not by XNNPACK, {found.whole.value:.1f} us"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        rows = []
        for one in self.as_json()[of]:
            spread = one.pop("us") or {"value": None, "low": None, "high": None}
            one["output_shape"] = "x".join(map(str, one["output_shape"]))
            rows.append({**one, "us": spread["value"], "us_low": spread["low"], "us_high": spread["high"]})
        return rows


@command()
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

    runtime: "litert" or "tflite-runtime", or with the version that the device would get, as "tflite-runtime==2.14.0"; a file that
    it can't run is refused before anything is sent. directory: on the device; no_network: packages are collected here; service:
    "http", "http:PORT" or "watch:FOLDER" runs it as a systemd user service; opencv: also install what reads PNG, JPEG and the
    camera. Raises InputError's kinds and OperatorError where nothing was changed there, DeployError where it was rolled back.

    >>> ed.deploy("nowhere", "pi@raspberrypi.local", progress=False)
    Traceback (most recent call last):
    edgedigits.errors.ArtifactError: nowhere: not an artifact folder that can be used...
    """
    from edgedigits.devices.deploy import DeployWish
    from edgedigits.devices.deploy import deploy as run
    from edgedigits.measure.runtimes.asked import parse_asked

    parse_asked(runtime, _CHOICES)
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


def make_place(
    host: str | None,
    runtime: Any,
    directory: str,
    port: int | None,
    identity: PathLike | None,
    ssh_config: PathLike | None,
    no_network: bool,
) -> DeployWish | None:
    """The device; None where no host is given, InputError where what is said of one then makes no sense."""
    from edgedigits.devices.deploy import DeployWish
    from edgedigits.measure.runtimes.asked import parse_asked

    if host is None:
        given = {"port": port, "identity": identity, "ssh-config": ssh_config, "no-network": no_network}
        for option, value in given.items():
            if value:
                raise InputError(f"--{option}: is about a device; say which one with --host USER@HOST")
        return None
    if parse_asked(runtime).name not in _CHOICES:
        raise InputError(f"--runtime {runtime}: not for a device; choose from {', '.join(_CHOICES)}")
    return DeployWish(
        host,
        port=port,
        directory=directory,
        runtime=runtime,
        identity=None if identity is None else Path(identity),
        ssh_config=None if ssh_config is None else Path(ssh_config),
        no_network=no_network,
    )


@command(runtime=RUNTIMES)
def profile(
    tflite: Artifact | PathLike,
    *,
    runtime: Any = "auto",
    windows: int = 7,
    window: float = 0.5,
    pin: int | None = None,
    parts: PathLike | None = None,
    host: str | None = None,
    port: int | None = None,
    directory: str = "edgedigits",
    identity: PathLike | None = None,
    ssh_config: PathLike | None = None,
    no_network: bool = False,
    progress: Watch = None,
) -> Profile:
    """Time each operator of a .tflite file, here or on a device: its share, how far it is from the core's peak, and whether
    XNNPACK runs it or why not.

    tflite: an artifact, its folder, or a file, packed too. `windows` windows of `window` seconds, in each of which the whole net
    and each operator alone take turns, on one thread; pin: the one core to run on. host: "user@host", reached as port, identity,
    ssh_config, directory and no_network say. parts: a folder into which the files and the jobs are written as well, for the
    runner's own `profile` on a device without ssh.

    Raises InputError's kinds, also where the interpreter can't run the model, or dies of it.

    >>> found = ed.profile(artifact, windows=1, window=0.05, progress=False)
    >>> found.to_frame()["kind"].tolist()[0], found.as_json()["kind"]
    ('CONV_2D', 'profile')
    """
    from edgedigits.measure.profile import profile as measuring

    place = make_place(host, runtime, directory, port, identity, ssh_config, no_network)
    settings = measuring.ProfileSettings(runtime, windows, window, pin)
    task = measuring.make_task(tflite.path if isinstance(tflite, Artifact) else Path(tflite))
    if parts is not None:
        measuring.write_parts(task, settings, Path(parts))
    with telling(progress) as told:
        if place is None:
            return Profile(measuring.profile_here(task, settings, told.say))
        from edgedigits.devices.remote_profile import profile_there

        return Profile(profile_there(task, place, settings, told.say), place.target)
