"""The commands that have to do with devices; `edgedigits/cli/main.py` adds them to the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from edgedigits_runner.runtimes import ON_DEVICES, RUNTIMES

from edgedigits.cli.options.output import as_json_option, print_line, print_result, say
from edgedigits.cli.options.runtime_options import measured_on_option

DEVICE_RUNTIMES = ("auto", *ON_DEVICES)
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


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("target", metavar="USER@HOST")
@connection_options
@measured_on_option(DEVICE_RUNTIMES)
@click.option("--service", metavar="S", help="Also run it as a systemd user service: http, http:PORT or watch:FOLDER.")
@click.option("--opencv", is_flag=True, help="Also install OpenCV, which reads PNG and JPEG and the camera.")
@as_json_option
def deploy(artifact: Path, target: str, as_json: bool, **given: Any) -> None:
    """Bring an artifact into use on a device, through your own OpenSSH.

    Whatever goes wrong, the release that was in use stays in use.
    """
    from edgedigits.api.devices import deploy as run

    print_line(run(artifact, target, **given), as_json)


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
def fleet_bench(hosts: Path, tflite: Path, as_json: bool, **given: Any) -> int:
    """Measure a model on every device of a list; one that fails is a row with the reason, and the exit code is 1."""
    from edgedigits.api.bench import fleet_bench as run

    found = run(hosts, tflite, **given)
    print_result(found, as_json)
    return int(bool(found.failed))


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("edgedigits-runner.pyz"), show_default=True, metavar="F"
)
@as_json_option
def runner(out: Path, as_json: bool) -> None:
    """Write the device runner as one file, for a device that you fill by hand."""
    from edgedigits.api.devices import runner as run

    print_line(run(out), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--cpu", type=CPU, default="cortex-a72", show_default=True, help="Of a Pi 3, a Pi 4 or a Pi 5.")
@click.option("--runtime", type=click.Choice(ON_DEVICES), default="litert", show_default=True)
@as_json_option
def instructions(file: Path, as_json: bool, **given: Any) -> None:
    """Count the arm64 instructions of one inference, under QEMU; the same number every time."""
    from edgedigits.api.files import instructions as run

    print_line(run(file, **given), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--cpu", type=CPU, default="cortex-a72", show_default=True, help="Of a Pi 3 or Zero 2 W, a Pi 4, or a Pi 5."
)
@click.option("--runtime", type=click.Choice(ON_DEVICES), default="litert", show_default=True)
@as_json_option
def cycles(file: Path, as_json: bool, **given: Any) -> None:
    """Reckon the cycles and milliseconds of one inference, and of each operator.

    QEMU counts what runs, and LLVM's model of the core says what that takes.
    """
    from edgedigits.api.files import cycles as run

    print_result(run(file, **given), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--device", type=BOARD, required=True)
@click.option("--threads", type=click.IntRange(1, 4), default=1, show_default=True)
@as_json_option
def estimate(file: Path, as_json: bool, **given: Any) -> None:
    """Estimate the latency on a Raspberry Pi from multiply-adds and published throughput. Not a measurement."""
    from edgedigits.api.files import estimate as run

    print_result(run(file, **given), as_json)


@click.command()
@click.argument("tflite", type=click.Path(path_type=Path), metavar="F")
@click.option("--runtime", type=click.Choice(RUNTIMES), default="auto", show_default=True)
@click.option("--windows", type=click.IntRange(1), default=7, show_default=True, help="Windows of measurement.")
@click.option("--window", type=click.FloatRange(0.05, 600), default=0.5, show_default=True, help="Seconds of each.")
@click.option("--pin", type=click.IntRange(0), metavar="CORE", help="Run on this core alone.")
@click.option(
    "--parts",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also write the operators there, for `profile` of the runner by hand.",
)
@click.option("--host", metavar="USER@HOST", help="Measure on this device, not here.")
@connection_options
@click.option(
    "--csv", type=click.Path(path_type=Path), metavar="FILE", help="Also write a row for each operator as CSV."
)
@as_json_option
def profile(tflite: Path, as_json: bool, csv: Path | None, **given: Any) -> None:
    """Time each operator of a .tflite file, here or on a device: its share, its distance from the peak, what XNNPACK leaves."""
    from edgedigits.api.devices import profile as run

    found = run(tflite, **given)
    if csv is not None:
        say(f"written: {found.write_csv(csv)}")
    print_result(found, as_json)
