"""What an agent may answer: the shape of every message, by what was asked."""

from __future__ import annotations

import re

from edgedigits.ground.facts import JsonObject
from edgedigits.ground.foreign_json import (
    Mismatch,
    Shape,
    allow_none,
    check_list,
    is_count,
    is_name,
    is_switch,
    is_text,
    is_whole,
    look,
)

_HASH = re.compile(r"[0-9a-f]{12}")


def _release(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _path(value: object) -> bool:
    return isinstance(value, str) and is_name(value) and value.startswith("/")


def _python(value: object) -> bool:
    return isinstance(value, list) and check_list(is_whole, 3)(value) and len(value) == 3 and max(value) < 1000


def _exit_code(value: object) -> bool:
    return type(value) is int and -256 < value < 256


def _lacking(value: object) -> bool:
    return isinstance(value, dict) and is_name(value.get("name")) and is_whole(value.get("have"))


_FACTS: Shape = {
    **dict.fromkeys(("system", "machine", "libc", "user"), is_name),
    "python": _python,
    "libc_version": check_list(is_whole, 4),
    **dict.fromkeys(("board", "os", "numpy"), allow_none(is_name)),
    **dict.fromkeys(("uid", "free_bytes"), is_whole),
    **dict.fromkeys(("home", "root"), _path),
    **dict.fromkeys(("systemd_user", "user_namespaces", "memory_limits"), is_switch),
    "unit": allow_none(is_text),
}

DONE, NEED, SIZE, HELLO, GREETING = "done", "need", "size", "hello", "greeting"

_ANSWERS: dict[str, Shape] = {
    GREETING: {"python": _python},
    HELLO: {"root": _path},
    DONE: {},
    NEED: {"need": check_list(_lacking)},
    SIZE: {"size": is_whole},
    "facts": _FACTS,
    "state": {
        **dict.fromkeys(("current", "previous"), allow_none(_release)),
        **dict.fromkeys(("releases", "venvs"), check_list(_release)),
        "intact": is_switch,
    },
    "venv": {"made": is_switch},
    "run": {"code": _exit_code, "errors": check_list(is_text, 1000)},
    "prune": {"removed": check_list(is_name)},
    "start_service": {"lingers": is_switch, "said": is_text},
    "healthy": {"ok": is_switch, "why": is_text},
}

DOCTOR: Shape = {
    "schema": is_count,
    "kind": lambda value: value == "doctor",
    "ok": is_switch,
    "verdict": allow_none(is_name),
    "reasons": check_list(is_text, 1000),
}
"""Of what a doctor says, the part that is believed; the rest is only shown."""


def look_at_answer(answer: JsonObject, kind: str) -> JsonObject:
    """The answer to a request of that kind; Mismatch where it is none. What a later agent may add is left in."""
    look(answer, _ANSWERS[kind], kind, more=True)
    if kind == "venv" and not answer["made"] and not is_text(answer.get("why")):
        raise Mismatch("venv.why", "missing, though nothing was made")
    return answer


def name_kind(request: JsonObject) -> str:
    """What the first answer to a request is."""
    asked = request.get("do", HELLO)
    return {"put": NEED, "get": SIZE}.get(asked, asked if asked in _ANSWERS else DONE)


def look_at_doctor(told: JsonObject) -> JsonObject:
    """What a doctor said; Mismatch where that is not whole, or contradicts itself."""
    look(told, DOCTOR, more=True)
    if told["ok"] != (not told["reasons"]) or (told["ok"] and told["verdict"] is None):
        raise Mismatch("ok", f"found {told['ok']} with {len(told['reasons'])} reasons and verdict {told['verdict']}")
    return told
