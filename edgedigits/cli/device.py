"""The commands that have to do with devices; `edgedigits/cli/main.py` adds them to the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.cli.output import as_json_option, print_json, print_rich, say

if TYPE_CHECKING:
    from edgedigits.devices.deploy import DeployWish

DEVICE_RUNTIME = click.Choice(("auto", *ON_DEVICES))
CPU = click.Choice(["cortex-a53", "cortex-a72", "cortex-a76"])
BOARD = click.Choice(["pi3", "pi4", "pi5", "zero2"])


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a device is reached, the same for every command."""
    for option in (
        click.option("--no-network", is_flag=True, help="The device has no network: packages are collected here."),
        click.option(
            "--ssh-config", type=click.Path(path_type=Path), metavar="F", help="Instead of your own ~/.ssh/config."
        ),
        click.option("--identity", type=click.Path(path_type=Path), metavar="F", help="Private key for ssh."),
        click.option("--dir", "directory", default="edgedigits", show_default=True, help="Folder on the device."),
        click.option("--port", type=click.IntRange(1, 65535), help="Port of the device's ssh server."),
    ):
        command = option(command)
    return command


def place(host: str | None, given: dict[str, Any]) -> DeployWish | None:
    """Takes the connection options out of `given`; None where no host is given, InputError where they then make no sense."""
    from edgedigits.devices.deploy import DeployWish
    from edgedigits.errors import InputError

    names = ("port", "directory", "identity", "ssh_config", "no_network")
    options = {name: given.pop(name) for name in names}
    if host is not None:
        if given["runtime"] not in DEVICE_RUNTIME.choices:
            choices = ", ".join(DEVICE_RUNTIME.choices)
            raise InputError(f"--runtime {given['runtime']}: not for a device; choose from {choices}")
        return DeployWish(host, runtime=given["runtime"], **options)
    for name, option in (
        ("port", "port"),
        ("identity", "identity"),
        ("ssh_config", "ssh-config"),
        ("no_network", "no-network"),
    ):
        if options[name]:
            raise InputError(f"--{option}: is about a device; say which one with --host USER@HOST")
    return None


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("target", metavar="USER@HOST")
@connection_options
@click.option("--runtime", type=DEVICE_RUNTIME, default="auto", show_default=True)
@click.option("--service", metavar="S", help="Also run it as a systemd user service: http, http:PORT or watch:FOLDER.")
@click.option("--opencv", is_flag=True, help="Also install OpenCV, which reads PNG and JPEG and the camera.")
@as_json_option
def deploy(artifact: Path, target: str, service: str | None, opencv: bool, as_json: bool, **given: Any) -> None:
    """Bring an artifact into use on a device, through your own OpenSSH.

    Whatever goes wrong, the release that was in use stays in use.
    """
    from dataclasses import asdict, replace

    from edgedigits.devices.deploy import deploy as run

    wish = place(target, given)
    assert wish is not None
    report = run(artifact, replace(wish, service=service, opencv=opencv), say, say)
    if as_json:
        print_json(asdict(report))
    else:
        done = f"in use after {report.seconds:.1f} s" if report.changed else "already there"
        click.echo(f"{target}: release {report.release} ({report.runtime}) {done}")


@click.group()
def fleet() -> None:
    """Several devices at once."""


@fleet.command("bench")
@click.argument("hosts", type=click.Path(path_type=Path), metavar="HOSTS.yaml")
@click.option(
    "--tflite", type=click.Path(path_type=Path), required=True, metavar="F", help="As for `edgedigits bench`."
)
@click.option("--windows", type=click.IntRange(1), default=5, show_default=True)
@click.option("--window", type=click.FloatRange(0.05, 600), default=0.5, show_default=True, help="Seconds of each.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/devices"), show_default=True)
@as_json_option
def fleet_bench(hosts: Path, tflite: Path, windows: int, window: float, out: Path, as_json: bool) -> int:
    """Measure a model on every device of a list; one that fails is a row with the reason, and the exit code is 1."""
    import tempfile

    from edgedigits.api.render import devices
    from edgedigits.devices.fleet import bench_fleet
    from edgedigits.devices.hosts import read_hosts
    from edgedigits.measure import bench_job

    listed = read_hosts(hosts)
    with tempfile.TemporaryDirectory(prefix="edgedigits-fleet-") as folder:
        task = bench_job.task(bench_job.Wish(tflite=tflite, windows=windows, window=window), Path(folder))
        here, rows = bench_fleet(task, listed, say)
    for row in rows:
        if row.found is not None:
            say(f"kept: {devices.keep(row.found, out)}")
    if as_json:
        print_json(devices.fleet_as_json(here, rows))
    else:
        print_rich(devices.render_fleet(here, rows))
    return int(any(row.found is None for row in rows))


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("edgedigits-runner.pyz"), show_default=True, metavar="F"
)
def runner(out: Path) -> None:
    """Write the device runner as one file, for a device that you fill by hand."""
    from edgedigits.devices.runner_archive import write_runner

    write_runner(out)
    click.echo(f"{out}: {out.stat().st_size:,} bytes; python3 {out.name} --help")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--cpu", type=CPU, default="cortex-a72", show_default=True, help="Of a Pi 3, a Pi 4 or a Pi 5.")
@click.option("--runtime", type=click.Choice(ON_DEVICES), default="litert", show_default=True)
@as_json_option
def instructions(file: Path, cpu: str, runtime: Any, as_json: bool) -> None:
    """Count the arm64 instructions of one inference, under QEMU; the same number every time."""
    from edgedigits.measure.qemu.instructions import count

    found = count(file, cpu, runtime, say=say)
    if as_json:
        print_json(found.as_dict())
    else:
        click.echo(
            f"{file}: {found.instructions:,} instructions per inference on {cpu} "
            f"({found.runtime} {found.version}, {found.kernels} kernels, one thread, QEMU {found.qemu_version})"
        )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--device", type=BOARD, required=True)
@click.option("--threads", type=click.IntRange(1, 4), default=1, show_default=True)
@as_json_option
def estimate(file: Path, device: Any, threads: int, as_json: bool) -> None:
    """Estimate the latency on a Raspberry Pi from multiply-adds and published throughput. Not a measurement."""
    from edgedigits.api.render import estimate as estimation
    from edgedigits.measure.cost.estimate import estimate as run

    found = run(file, device, threads)
    if as_json:
        print_json(estimation.as_json(found))
    else:
        print_rich(estimation.render(found))
