"""Environments: made beside their name by the device's own Python, filled by pip from hashed wheels, then renamed.

pip runs from its wheel, so that neither Debian's python3-pip nor python3-venv is needed.
"""

from __future__ import annotations

import json
import shutil
import sys
import venv
from pathlib import Path

from .folder import Folder, remove, runs, sync_folder
from .frames import HostLine, Message, Refusal
from .processes import run

_TOOLS = ["--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet", "--no-warn-script-location"]
_INSTALL = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-compile"]


def make(host: HostLine, folder: Folder, request: Message) -> Message:
    """{"made": true}, or with `online`, {"made": false, "why"} when the device's own index did not help."""
    home = folder.inside(f"venvs/{request['name']}")
    if runs(home):
        return {"made": True}
    if home.exists():
        remove(home)
    beside = home.with_name(f".making-{home.name}")
    if beside.exists():
        remove(beside)
    try:
        return _fill(host, folder, request, beside, home)
    finally:
        if beside.exists():
            shutil.rmtree(beside, ignore_errors=True)


def _fill(host: HostLine, folder: Folder, request: Message, beside: Path, home: Path) -> Message:
    builder = venv.EnvBuilder(symlinks=True, with_pip=False, system_site_packages=request["system_site"])
    builder.create(beside)
    for script in beside.glob("bin/[aA]ctivate*"):
        script.unlink()  # they hold the folder's name for a shell to read, and nobody activates this
    if request["packages"]:
        why = _install(host, folder, request, beside)
        if why and request["online"]:
            return {"made": False, "why": why}
        if why:
            raise Refusal(f"{home}: the packages can't be installed: {why}", "work")
    (beside / "made.json").write_text(json.dumps({"packages": request["packages"], "python": sys.version}))
    beside.replace(home)
    sync_folder(home.parent)
    return {"made": True}


def _install(host: HostLine, folder: Folder, request: Message, beside: Path) -> str:
    """What pip said when it failed; "" when it did not."""
    wheels = folder.inside("wheels")
    listed = beside / "requirements.txt"
    lines = [f"{item['name']}=={item['version']} --hash=sha256:{item['sha256']}" for item in request["packages"]]
    listed.write_text("\n".join(lines) + "\n")
    source = ["--retries=0", "--timeout=5"] if request["online"] else ["--no-index", f"--find-links={wheels.as_uri()}"]
    pip = [str(beside / "bin" / "python"), "-I", str(wheels / request["pip"] / "pip"), "install", *_TOOLS, *_INSTALL]
    said: list[str] = []
    code, errors = run(host, [*pip, *source, "-r", str(listed)], beside, said.append, {"PIP_REQUIRE_VIRTUALENV": "1"})
    if code == 0:
        return ""
    lines = [line.strip() for line in [*said, *errors] if line.strip()]
    full = next((line for line in lines if "No space left" in line or "quota exceeded" in line.lower()), None)
    if full:
        raise OSError(28, "No space left on device", str(beside))
    blamed = [line for line in lines if line.startswith("ERROR:")]
    return (blamed or lines or [f"pip ended with exit code {code}"])[-1].replace("ERROR: ", "")[:2000]
