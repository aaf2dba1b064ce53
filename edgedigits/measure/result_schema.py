"""What each kind of result of the device runner holds, as literal tables: key to a check, a table, or a list of tables."""

from __future__ import annotations

from typing import Any

from edgedigits.ground.foreign_json import Shape, is_count, is_name, is_number, is_switch, is_whole, list_of, or_none


def _positive(value: Any) -> bool:
    return is_number(value) and value > 0


def _share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _lengths(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 8 and all(map(is_count, value))


def _image(value: Any) -> bool:
    return _lengths(value) and len(value) == 3


def _celsius(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) > 1000:
        return False
    return all(is_name(name) and is_number(degrees) and -300 < degrees < 1000 for name, degrees in value.items())


def _load_average(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(is_number(load) and load >= 0 for load in value)


def _packed(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "zlib_base64"}:
        return False
    return (
        isinstance(value["dtype"], str) and isinstance(value["shape"], list) and isinstance(value["zlib_base64"], str)
    )


_ENVIRONMENT: Shape = {
    **dict.fromkeys(("python", "platform", "machine", "numpy", "runtime", "runtime_version"), is_name),
    **dict.fromkeys(("board", "cpu", "governor"), or_none(is_name)),
    "cpus": is_count,
    "load_average": _load_average,
    "clock_khz": or_none(is_whole),
    "timer_ns": is_whole,
}
_FORM: Shape = {"tensor": is_whole, "dtype": is_name, "step": is_number, "zero_point": is_number}
_MODEL: Shape = {
    "name": is_name,
    "sha256": _hash,
    "input": {
        **_FORM,
        **dict.fromkeys(("height", "width", "channels"), is_count),
        "channels_first": is_switch,
        "tensor_shape": _lengths,
    },
    "output": {**_FORM, "classes": is_count},
    "answers": {**dict.fromkeys(("class", "runner_up", "score", "runner_up_score"), _packed), "right": is_whole},
}
_STATE: Shape = {
    "clocks_khz": or_none(list_of(or_none(is_whole))),
    "governor": or_none(is_name),
    "celsius": or_none(_celsius),
    "throttled": or_none(is_whole),
}
_WINDOW: Shape = {
    "laps_ns": _packed,
    "call_p50_ns": _positive,
    "calls_ns": _positive,
    "before": _STATE,
    "after": _STATE,
    "load": or_none(_share),
    "void": or_none(is_name),
    "tries": is_count,
}
_DATA: Shape = {"eval_sha256": _hash, "labels": _packed, "image_shape": _image, "models": [_MODEL]}
_HEAD: Shape = {"schema": is_whole, "kind": is_name, "environment": _ENVIRONMENT}
SHAPES: dict[str, Shape] = {
    "evaluate": {**_HEAD, **_DATA},
    "bench": {
        **_HEAD,
        **_DATA,
        "pin": or_none(is_whole),
        "latency": [
            {
                "threads": is_count,
                "models": [{"name": is_name, "delegated": or_none(is_switch), "windows": [_WINDOW]}],
            }
        ],
    },
    "probe": {
        **_HEAD,
        "model_sha256": _hash,
        "threads": is_count,
        "pin": or_none(is_whole),
        "cold": is_switch,
        "model_resident_share": or_none(_share),
        **dict.fromkeys(("load_ns", "first_ns", "peak_kib"), _positive),
        **dict.fromkeys(("imported_kib", "steady_kib"), or_none(_positive)),
        "peak_source": is_name,
    },
}
