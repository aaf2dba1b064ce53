"""The devices of a fleet: a YAML file that lists them.

hosts:
  - pi@kitchen.local
  - host: pi@192.168.1.7
    name: garage
    port: 2222
    runtime: tflite-runtime
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
from edgedigits_runner.runtimes import ON_DEVICES
from pydantic import Field
from pydantic.dataclasses import dataclass

from edgedigits.errors import InputError
from edgedigits.ground.names import WANTED, is_name
from edgedigits.ground.yaml_files import check_known, describe_kind, read_yaml, show_value, tell_first_fault

if TYPE_CHECKING:
    Runtime = str
else:
    Runtime = Literal[("auto", *ON_DEVICES)]
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=pydantic.ConfigDict(extra="forbid", strict=True))
class Host:
    """One device; its fields are the keys of its entry. `name` is what tables call it."""

    host: Text
    name: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    identity: Text | None = None
    ssh_config: Text | None = None
    dir: Text = "edgedigits"
    runtime: Runtime = "auto"
    no_network: bool = False

    @property
    def title(self) -> str:
        return self.name or self.host


def read_hosts(path: Path) -> tuple[Host, ...]:
    """The devices of a file. InputError says place, what was found, and what would do."""
    document = read_yaml(path, "a list of hosts", InputError)
    if not isinstance(document, Mapping):
        raise InputError(f"{path}: wanted the key hosts, found {describe_kind(document)}")
    check_known(str(path), "key", document, ("hosts",), InputError)
    entries = document.get("hosts")
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: hosts: wanted a list of USER@HOST, found {describe_kind(entries)}")
    hosts = tuple(_host(f"{path}: hosts[{index}]", entry) for index, entry in enumerate(entries))
    seen: set[str] = set()
    for title in (host.title for host in hosts):
        if title in seen:
            raise InputError(f"{path}: {title} is listed twice; give each device a name of its own")
        seen.add(title)
    return hosts


def _host(where: str, entry: object) -> Host:
    entry = {"host": entry} if isinstance(entry, str) else entry
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: wanted USER@HOST or settings as key: value, found {describe_kind(entry)}")
    check_known(where, "setting", entry, [field.name for field in fields(Host)], InputError)
    if "host" not in entry:
        raise InputError(f"{where}: host is missing; give USER@HOST")
    if isinstance(name := entry.get("name"), str) and name and not is_name(name):
        raise InputError(f"{where}: name: found {show_value(name)}; wanted {WANTED}")
    try:
        return Host(**entry)
    except pydantic.ValidationError as error:
        raise InputError(f"{where}{tell_first_fault(error)}") from error
