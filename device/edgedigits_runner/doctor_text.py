"""The doctor's report for people."""

from __future__ import annotations

from typing import Any


def as_text(found: dict[str, Any]) -> str:
    """Short lines, the names in one column."""
    facts = found["environment"]
    rows = [
        ("machine", _joined(facts["board"] or facts.get("cpu"), facts["machine"], f"{facts['bits']}-bit")),
        ("system", _joined(facts["os"], facts["libc"])),
        ("python", _joined(facts["python"], facts.get("numpy") and f"numpy {facts['numpy']}")),
        ("runtime", _runtime(found)),
        ("memory", f"{_size(facts['memory_available_kib'])} free of {_size(facts['memory_kib'])}"),
        ("disk", f"{_size(facts['disk_free_kib'])} free"),
        ("throttling", _throttling(facts)),
        ("files", f"{found['files']} in {found['folder']}"),
        *_golden(found["golden"]),
        *(("wrong", reason) for reason in found["reasons"]),
        ("verdict", _joined(found["verdict"], None if found["ok"] else "not fit for use")),
    ]
    return "\n".join(f"{name:10}  {text}" for name, text in rows)


def _runtime(found: dict[str, Any]) -> str:
    facts = found["environment"]
    if "runtime" not in facts:
        return "none that could be used"
    return f"{facts['runtime']} {facts['runtime_version']}, XNNPACK {_xnnpack(found['xnnpack'])}"


def _xnnpack(found: dict[str, Any] | None) -> str:
    if found is None or found["applied"] is None:
        return "not told"
    if not found["applied"]:
        return "not applied"
    return "applied" + (f" to all but {', '.join(found['outside'])}" if found["outside"] else "")


def _throttling(facts: dict[str, Any]) -> str:
    if facts["throttled_now"] is None:
        return "not told by this machine"
    words = (", ".join(facts[key]) or "none" for key in ("throttled_now", "throttled_since_start"))
    return "now {}; since the start {}".format(*words)


def _golden(golden: dict[str, Any] | None) -> list[tuple[str, str]]:
    if golden is None:
        return []
    kinds = [(kind, golden[kind]) for kind in ("reference", "default")]
    return [
        (
            "golden",
            f"{golden['vectors']} vectors; {kind} kernels: {_steps(one['steps'])}, "
            f"{one['changed']} {golden['answered']} changed",
        )
        for kind, one in kinds
    ]


def _steps(steps: float) -> str:
    if steps == 0:
        return "bit-identical"
    return "at most 1 step off" if steps <= 1 else f"at most {steps:.3g} steps off"


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _size(kib: int | None) -> str:
    if kib is None:
        return "unknown"
    return f"{kib / 2**20:.1f} GiB" if kib >= 2**20 else f"{kib / 2**10:.0f} MiB"
