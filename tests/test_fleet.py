"""Many devices: the list of them, strictly read."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedigits.devices.hosts import Host, read_hosts
from edgedigits.errors import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / "hosts.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_of_hosts_is_read(tmp_path: Path) -> None:
    text = "hosts:\n  - pi@kitchen\n  - {host: pi@10.0.0.7, name: garage, port: 2222, no_network: true}\n"
    kitchen, garage = read_hosts(written(tmp_path, text))
    assert kitchen == Host("pi@kitchen")
    assert (kitchen.title, garage.title) == ("pi@kitchen", "garage")
    assert (garage.port, garage.no_network, garage.runtime) == (2222, True, "auto")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hosts:\n  - {host: pi@a, prot: 22}\n", r"hosts\[0\]: unknown setting 'prot'; nearest: port; choose from"),
        ("host:\n  - pi@a\n", "unknown key 'host'; nearest: hosts"),
        ("hosts: 3\n", "wanted a list of USER@HOST, found int '3'"),
        ("hosts: []\n", "wanted a list of USER@HOST"),
        ("hosts:\n  - {name: a}\n", r"hosts\[0\]: host is missing; give USER@HOST"),
        (
            "hosts:\n  - {host: pi@a, port: 0}\n",
            r"hosts\[0\].port: found 0; input should be greater than or equal to 1",
        ),
        ("hosts:\n  - {host: pi@a, runtime: lite}\n", r"hosts\[0\].runtime: found 'lite'; input should be 'auto'"),
        ("hosts:\n  - pi@a\n  - pi@a\n", "pi@a is listed twice"),
        ("hosts: [", "line 1 not YAML"),
        ("hosts:\n  - {host: a, host: b}\n", "'host' is written twice"),
    ],
)
def test_a_typo_is_answered_with_its_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=rf"hosts\.yaml:.*{why}") as refused:
        read_hosts(written(tmp_path, text))
    assert refused.value.exit_code == 2


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: can't be read"):
        read_hosts(tmp_path / "none.yaml")
