"""The systemd user unit: written whole, started, watched until it answers."""

from __future__ import annotations

import http.client
import os
import time
from pathlib import Path

from .facts import runtime_dir
from .frames import HostLine, Message, Refusal
from .processes import quiet

UNIT = "edgedigits.service"
_MOST_UNIT = 1 << 16  # characters; a longer one is not ours


def _unit_file() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "systemd" / "user" / UNIT


def read() -> str | None:
    """The unit's text, None where there is none."""
    try:
        with _unit_file().open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_UNIT)
    except FileNotFoundError:
        return None


def start(request: Message) -> Message:
    """Writes the unit, enables it and (re)starts it; says whether it will also run when nobody is logged in."""
    for folder in request["folders"]:
        Path(folder).mkdir(parents=True, exist_ok=True)
    write(request["unit"])
    _systemctl("daemon-reload")
    _systemctl("enable", "--quiet", UNIT)
    _systemctl("reset-failed", UNIT, must=False)
    _systemctl("restart", UNIT, must=False)  # whether it worked is asked afterwards, with the reason
    code, said = quiet(["loginctl", "enable-linger"])
    return {"lingers": code == 0, "said": said[:2000]}


def stop() -> None:
    """Stops the unit and removes it."""
    _systemctl("disable", "--now", "--quiet", UNIT, must=False)
    _unit_file().unlink(missing_ok=True)
    _systemctl("daemon-reload", must=False)


def write(text: str) -> None:
    """The unit's file, whole or as it was."""
    file = _unit_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{UNIT}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def healthy(host: HostLine, request: Message) -> Message:
    """{"ok": bool, "why": sentence}: the unit's own process runs, and answers where it serves HTTP.

    One just started (`fresh`) gets time, and must stay up: twice answering, or two seconds where it has no address.
    """
    wanted = (2 if request["port"] else 8) if request["fresh"] else 1
    end = time.monotonic() + (request["wait_s"] if request["fresh"] else 0)
    steady, why = 0, "it did not start"
    while True:
        host.check()
        unit = _show()
        if unit["LoadState"] not in ("loaded", ""):
            return {
                "ok": False,
                "why": f"systemd does not take the unit ({unit['LoadState']}); its version may be too old",
            }
        if unit["ActiveState"] == "failed" or unit["SubState"] == "auto-restart":
            return {"ok": False, "why": f"it ended with {unit['Result']} {unit['ExecMainStatus']}{_last_words()}"}
        answered, why = _answers(request["port"]) if unit["ActiveState"] == "active" else (False, why)
        steady = steady + 1 if answered else 0
        if steady >= wanted:
            return {"ok": True, "why": ""}
        if time.monotonic() >= end:
            return {"ok": False, "why": why + _last_words()}
        time.sleep(0.25)


def _answers(port: int | None) -> tuple[bool, str]:
    if port is None:
        return True, ""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return False, f"http://127.0.0.1:{port}/health did not answer ({error})"
    finally:
        connection.close()
    return status == 200, f"http://127.0.0.1:{port}/health answered {status}"


def _show() -> dict[str, str]:
    said = _systemctl("show", UNIT, "--property=LoadState,ActiveState,SubState,Result,ExecMainStatus")
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _last_words() -> str:
    code, said = quiet(["journalctl", "--user", "--unit", UNIT, "--lines=1", "--output=cat", "--quiet"], limit_s=10)
    return f": {said.splitlines()[-1][:2000]}" if code == 0 and said and "No journal files" not in said else ""


def _systemctl(*arguments: str, must: bool = True) -> str:
    place = runtime_dir()
    environment = {"XDG_RUNTIME_DIR": place}
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ and Path(place, "bus").exists():
        environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={place}/bus"
    code, said = quiet(["systemctl", "--user", *arguments], environment)
    if code and must:
        last = said.splitlines()[-1] if said else f"exit code {code}"
        raise Refusal(f"systemctl --user {' '.join(arguments)} failed: {last}", "work")
    return said
