"""What ssh says when it fails, as one sentence about where, what and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgedigits.errors import DeviceError

LOST = "the connection was lost half-way; the release in use there is as it was: run again to finish"

_CONNECT = r"connect to (?:host|address) .*port (\d+): "

# First match wins; {0} and on are the pattern's groups.
_SENTENCES = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for (\S+) has changed",
        "its host key is not the one in known_hosts: another machine, a new installation, or someone in between; when "
        "you are sure it is right, remove the old key with `ssh-keygen -R HOST` and connect once by hand",
    ),
    (r"REVOKED HOST KEY", "its host key is marked as revoked in known_hosts; ask who marked it"),
    (
        r"No (\S+) host key is known|Host key verification failed",
        "its host key is not in known_hosts; connect once by hand with `ssh` and compare the fingerprint",
    ),
    (
        r"Could not resolve hostname (\S+?):",
        "the name {0} is not known; see that it is written right, or use its IP address",
    ),
    (
        _CONNECT + "Connection refused",
        "nothing listens on port {0}; see --port, and that sshd runs there",
    ),
    (
        r"(?:Connection|Operation) timed out",
        "no answer within 10 s; see that it is on and in this network, and --port",
    ),
    (_CONNECT + "(.+)", "it can't be reached ({1}); see that it is on and in this network"),
    (r"UNPROTECTED PRIVATE KEY FILE", "the key file can be read by others, so ssh won't use it; chmod 600 it"),
    (
        r"Permission denied \(([^)]*)\)|Too many authentication failures|no mutual signature",
        "the key was refused; add your public key to ~/.ssh/authorized_keys there, name the right one with --identity, "
        "and load one that has a passphrase with ssh-add",
    ),
    (r"Bad owner or permissions on (\S+)", "ssh won't use {0}: others may write it; chmod 600 it"),
    (r"(.*Bad configuration option: \S+|.*terminating, .*)", "ssh can't read its configuration ({0})"),
    (
        r"kex_exchange_identification|banner exchange|Connection reset|Connection closed by",
        "what listens there closed the connection; see --port, and that it is sshd",
    ),
    (
        r"python3: (?:command )?not found|python3: No such file|Unknown command: python3",
        "there is no python3 on it; install it there with `sudo apt install python3`",
    ),
)


def explain_no_connection(where: str, said: Sequence[str], code: int | None) -> DeviceError:
    """Why there is no agent at the other end."""
    text = "\n".join(said)
    for pattern, sentence in _SENTENCES:
        found = re.search(pattern, text)
        if found:
            return DeviceError(f"{where}: {sentence.format(*found.groups())}")
    last = next((line.strip() for line in reversed(said) if line.strip()), "")
    if code == 127:
        return DeviceError(f"{where}: there is no python3 on it; install it there with `sudo apt install python3`")
    reason = last or f"ssh ended with exit code {code}"
    if code == 255:  # ssh's own failures, not a command's
        return DeviceError(f"{where}: the connection ended before anything was done there ({reason}); run again")
    return DeviceError(f"{where}: no Python answers there ({reason}); see that `ssh` there runs commands")


def explain_loss(where: str, said: Sequence[str]) -> DeviceError:
    """The agent was there, and is no more."""
    reason = next((line.strip() for line in reversed(said) if line.strip()), "")
    crash = next((line for line in said if line.startswith("Traceback")), None)
    return DeviceError(f"{where}: {LOST}" + (f" (the agent there ended: {reason})" if crash else ""))
