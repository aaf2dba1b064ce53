"""`edgedigits fleet bench`: one task on many devices at once. A device that fails is a row with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgedigits.devices.deploy import DeployWish
from edgedigits.devices.hosts import Host
from edgedigits.devices.remote_bench import SideBySide, bench_there, compare_reports
from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import Say
from edgedigits.measure.bench_job import BenchTask, bench_here
from edgedigits.measure.bench_result import Report

_AT_ONCE = 8


@dataclass(frozen=True)
class FleetRow:
    """One device: what was found, or why nothing was."""

    name: str
    found: SideBySide | None
    why: str = ""


def bench_fleet(task: BenchTask, hosts: Sequence[Host], say: Say) -> tuple[Report, tuple[FleetRow, ...]]:
    """The task on this machine, then on all devices at once; rows in the order of `hosts`."""
    here = bench_here(task, say)
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(hosts))) as pool:
        rows = pool.map(lambda host: _row(task, host, here, say), hosts)
        return here, tuple(rows)


def _row(task: BenchTask, host: Host, here: Report, say: Say) -> FleetRow:
    try:
        there, doctor = bench_there(task, _wish(host), lambda line: say(f"{host.title}: {line}"))
    except EdgeDigitsError as error:
        return FleetRow(host.title, None, str(error))
    return FleetRow(host.title, compare_reports(host.title, here, there, doctor))


def _wish(host: Host) -> DeployWish:
    return DeployWish(
        target=host.host,
        port=host.port,
        directory=host.dir,
        runtime=host.runtime,
        identity=None if host.identity is None else Path(host.identity).expanduser(),
        no_network=host.no_network,
        ssh_config=None if host.ssh_config is None else Path(host.ssh_config).expanduser(),
    )
