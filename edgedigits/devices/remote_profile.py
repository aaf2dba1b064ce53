"""`edgedigits profile --host`: the operators of a model timed on a device; nothing but the environment stays there."""

from __future__ import annotations

from edgedigits.devices.deploy import DeployWish, choose_packages
from edgedigits.devices.remote_bench import RemoteRunner
from edgedigits.devices.runner_archive import NAME as RUNNER
from edgedigits.devices.runner_archive import build_runner
from edgedigits.devices.ssh.device import connect
from edgedigits.ground.facts import Say
from edgedigits.measure.profile.profile import ProfileSettings, ProfileTask, measure, with_runtime
from edgedigits.measure.profile.report import ProfileReport


def profile_there(task: ProfileTask, place: DeployWish, settings: ProfileSettings, say: Say) -> ProfileReport:
    """Raises InputError's kinds when the device can't be reached or used, or the runtime there can't run the model."""
    with connect(place.address, place.directory, say, lock_wait_s=place.lock_wait_s) as device:
        packages = choose_packages(device, place.runtime)
        python = f"../../{device.environment(packages, place.no_network, say)}/bin/python"
        folder = f"profile/{task.mark}"
        try:
            device.put(folder, {RUNNER: build_runner()}, say)
            runner = RemoteRunner(device, folder, python, lambda line: say(f"{device.where}: {line}"))
            return measure(runner, task, with_runtime(settings, packages.runtime))
        finally:
            device.remove("profile")
