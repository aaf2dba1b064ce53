"""`edgedigits deploy`: an artifact becomes a release on a device, in use only once its doctor has said that it answers right.

    ask the device what it is -> choose packages -> send what it lacks, beside -> environment -> release -> doctor
    -> switch -> restart the service and ask it -> remove what is old

Every step leaves the release in use as it was, up to the switch, which is one rename.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgedigits_runner.runtimes import KNOWN, ON_DEVICES

from edgedigits.devices.release import Release, make_release
from edgedigits.devices.runner_archive import NAME as RUNNER
from edgedigits.devices.service import Service, parse_service, parse_unit, write_unit
from edgedigits.devices.ssh.address import Address, check_directory
from edgedigits.devices.ssh.device import Device, State, connect
from edgedigits.devices.ssh.messages import look_at_doctor
from edgedigits.errors import DeployError, DeviceError, OperatorError
from edgedigits.ground import artifact_folder
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.ground.foreign_json import Mismatch, make_plain, parse
from edgedigits.measure.runs_on.foretelling import check_files
from edgedigits.measure.runtimes.asked import AUTO, Asked, parse_asked
from edgedigits.measure.runtimes.operator_versions import spell
from edgedigits.measure.runtimes.wheels import DeviceRuntimeWish, Packages, choose

_MOST_DOCTOR = 1 << 20  # characters of what a doctor says


@dataclass(frozen=True)
class DeployWish:
    """Where to and how. `directory` counts from the home there; `service` is http, http:PORT or watch:FOLDER."""

    target: str
    port: int | None = None
    directory: str = "edgedigits"
    runtime: DeviceRuntimeWish = "auto"
    identity: Path | None = None
    no_network: bool = False
    service: str | None = None
    opencv: bool = False
    ssh_config: Path | None = None
    lock_wait_s: float = 45.0

    @property
    def address(self) -> Address:
        return Address(self.target, self.port, self.identity, self.ssh_config)


@dataclass(frozen=True)
class DeployReport:
    """`changed` is False when the release was in use already; `doctor` is then empty. `machine` is the device in words."""

    release: str
    runtime: str
    sent_bytes: int
    changed: bool
    seconds: float
    doctor: JsonObject = field(default_factory=dict)
    machine: str = ""
    packages: dict[str, str] = field(default_factory=dict)


def deploy(artifact: Path, wish: DeployWish, say: Say, progress: Say) -> DeployReport:
    """Brings the artifact there and into use. Raises InputError or OperatorError (nothing changed there), or DeployError (rolled
    back)."""
    started = time.monotonic()
    made = artifact_folder.read(artifact)
    service = parse_service(wish.service) if wish.service else None
    check_directory(wish.directory)
    progress(f"connecting to {wish.target}")
    with connect(wish.address, wish.directory, say, lock_wait_s=wish.lock_wait_s) as device:
        release = make_release(made, choose_packages(device, wish.runtime, opencv=wish.opencv))
        job = _Job(device, release, service or parse_unit(device.facts.unit, device.facts.root), wish, say, progress)
        job.check_service()
        already = job.there_already()
        if not already:
            check_operators(device, release.packages, [made.path / "model.tflite"])
        doctor = None if already else job.bring()
        return DeployReport(
            release=release.name,
            runtime=release.packages.runtime,
            sent_bytes=device.sent_bytes,
            changed=doctor is not None,
            seconds=time.monotonic() - started,
            doctor=doctor or {},
            machine=device.facts.named,
            packages=release.packages.versions,
        )


def choose_packages(device: Device, runtime: DeviceRuntimeWish, *, opencv: bool = False) -> Packages:
    """What fits the device; the refusals name it."""
    device.refuse_root()
    asked = spell(parse_asked(runtime, (AUTO, *ON_DEVICES)))
    try:
        packages = choose(device.facts, asked.name, opencv=opencv)
    except DeviceError as error:
        raise DeviceError(f"{device.where}: {error}") from error
    got = _name_release(packages)
    if asked.version and asked != got:
        raise DeviceError(
            f"{device.where}: gets {got.name} {got.version}, and --runtime {runtime} asks for another; leave the version out"
        )
    return packages


def check_operators(device: Device, packages: Packages, files: Sequence[Path]) -> None:
    """Before anything is sent: raises OperatorError where what would be installed there lacks an operator of a file."""
    try:
        check_files(files, str(_name_release(packages)))
    except OperatorError as error:
        raise OperatorError(f"{device.where}: {error}; nothing was sent") from error


def _name_release(packages: Packages) -> Asked:
    return Asked(packages.runtime, packages.versions[KNOWN[packages.runtime].distribution])


def run_doctor(device: Device, folder: str, python: str, runtime: str, progress: Say) -> JsonObject:
    """What the doctor of a folder on the device says; DeployError when it says nothing, DeviceError when no doctor spoke."""
    progress("asking the doctor there whether the model answers as it should")
    lines: list[str] = []
    command = [python, "-I", RUNNER, "doctor", ".", "--json", "--runtime", runtime]
    ended = device.run(command, folder, _bounded(lines))
    try:
        return look_at_doctor(parse("\n".join(lines), _MOST_DOCTOR))
    except Mismatch as error:
        raise DeviceError(
            f"{device.where}: the doctor there said what can't be understood ({error}); run again"
        ) from error
    except ValueError:
        raise DeployError(f"{device.where}: the doctor there could not do its work: {ended.last_words}") from None


def _bounded(lines: list[str]) -> Say:
    """Keeps lines, up to a little more than a doctor may say."""
    left = [_MOST_DOCTOR]

    def keep(line: str) -> None:
        if left[0] >= 0:
            lines.append(line)
            left[0] -= len(line) + 1

    return keep


@dataclass
class _Job:
    """One deploy."""

    device: Device
    release: Release
    service: Service | None
    wish: DeployWish
    say: Say
    progress: Say

    def there_already(self) -> bool:
        """Whether nothing is to be done; says so."""
        state = self.device.state()
        name, packages = self.release.name, self.release.packages
        if state.current != name or not state.intact or packages.hash not in state.venvs or not self._serves():
            return False
        self.say(f"{self.device.where}: release {name} ({packages.runtime}) is in use already; nothing to do")
        return True

    def bring(self) -> JsonObject:
        """Installs, checks, switches; what the doctor said. Whatever fails, the release in use before is in use after."""
        state = self.device.state()
        name = self.release.name
        try:
            self._install(state)
            doctor = self._checked(state)
            self.device.switch(name)
            self._restart(state)
        except DeployError:
            self.device.prune()
            raise
        self.device.prune()
        self.say(
            f"{self.device.where}: release {name} ({self.release.packages.runtime}) is in use: {doctor.get('verdict')}"
        )
        return doctor

    def check_service(self) -> None:
        """Before anything is sent: whether a service can be had at all."""
        facts = self.device.facts
        if self.wish.service is None:
            return
        if not facts.systemd_user:
            raise DeviceError(
                f"{self.device.where}: there is no systemd session for {facts.user}, which --service needs; install "
                "libpam-systemd and log in again, or leave --service out"
            )

    def _serves(self) -> bool:
        """Whether the service, if one is wished, runs as it would be installed now."""
        if self.wish.service is None or self.service is None:
            return True
        return self.device.facts.unit == self._unit() and not self.device.unhealthy(self.service.port, fresh=False)

    def _install(self, state: State) -> None:
        name = self.release.name
        whole = f"releases/{name}"
        filled = whole if name in state.releases else f"releases/.incoming-{name}"
        self.device.check_room(self.release.size, "the release's files")
        sent = self.device.put(filled, self.release.files, self.progress)
        self.say(
            f"{self.device.where}: {self.device.facts.named}; sent {sent / 1e3:.1f} kB of {len(self.release.files)} files"
        )
        environment = self.device.environment(self.release.packages, self.wish.no_network, self.progress)
        self.device.release(filled, name, environment)

    def _checked(self, state: State) -> JsonObject:
        """The doctor's answer; a release that fails is removed."""
        name = self.release.name
        folder, runtime = f"releases/{name}", self.release.packages.runtime
        try:
            doctor = run_doctor(self.device, folder, "venv/bin/python", runtime, self.progress)
            if not doctor.get("ok"):
                reasons = "; ".join(map(make_plain, doctor["reasons"]))
                raise DeployError(
                    f"{self.device.where}: the doctor there refuses release {name}: {reasons}; {_kept(state)}"
                )
        except DeployError:
            if name not in (state.current, state.previous):
                self.device.remove(folder)
            raise
        return doctor

    def _restart(self, state: State) -> None:
        """The service runs the new release and answers, or the old one is back and running."""
        if self.service is None:
            return
        self.progress(f"starting the service ({self.service.words})")
        facts = self.device.facts
        watched = self.service.watched(facts.home)
        try:
            lingers, said = self.device.start_service(self._unit(), [watched] if watched else [])
            why = self.device.unhealthy(self.service.port)
        except DeployError as error:
            lingers, said, why = True, "", str(error)
        if why:
            self._take_back(state)
            raise DeployError(
                f"{self.device.where}: the service with release {self.release.name} fails: {why}; {_kept(state)}"
            )
        self._say_what_is_lacking(lingers, said)

    def _take_back(self, state: State) -> None:
        self.device.switch(state.current)
        if state.current is not None and self.device.facts.unit is not None:
            self.device.start_service(self.device.facts.unit)
        else:
            self.device.stop_service()
        if self.release.name not in (state.current, state.previous):
            self.device.remove(f"releases/{self.release.name}")

    def _say_what_is_lacking(self, lingers: bool, said: str) -> None:
        facts = self.device.facts
        if not lingers:
            self.say(
                f"{self.device.where}: the service ends when {facts.user} logs out ({said or 'no lingering'}): run "
                f"`sudo loginctl enable-linger {facts.user}` there once"
            )
        if not facts.user_namespaces:
            self.say(f"{self.device.where}: its kernel gives users no namespaces: the service sees the disk as they do")
        if not facts.memory_limits:
            self.say(
                f"{self.device.where}: its kernel limits no memory per service; a limit of 1 GB on its data stands in"
            )

    def _unit(self) -> str:
        assert self.service is not None
        facts = self.device.facts
        return write_unit(self.service, facts.root, facts.home, facts.user_namespaces)


def _kept(state: State) -> str:
    return f"release {state.current} stays in use" if state.current else "no release is in use"
