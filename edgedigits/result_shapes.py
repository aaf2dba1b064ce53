"""What each kind of result of the device runner holds, as literal tables: key to a check, a table, or a list of tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
Shape = Mapping[str, "Check | Shape | list[Shape]"]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _lengths(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 8 and all(type(item) is int and item > 0 for item in value)


def _image(value: Any) -> bool:
    return _lengths(value) and len(value) == 3


def _celsius(value: Any) -> bool:
    return isinstance(value, dict) and all(_number(degrees) for degrees in value.values())


def _load_average(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_number, value))


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


def _packed(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"dtype", "shape", "zlib_base64"}


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _clocks(value: Any) -> bool:
    return isinstance(value, list) and all(map(_or_none(_whole), value))


_ENVIRONMENT: Shape = {
    **dict.fromkeys(("python", "platform", "machine", "numpy", "runtime", "runtime_version"), is_text),
    **dict.fromkeys(("board", "cpu", "governor"), _or_none(is_text)),
    "cpus": _positive,
    "load_average": _load_average,
    "clock_khz": _or_none(_whole),
    "timer_ns": _whole,
}
_FORM: Shape = {"tensor": _whole, "dtype": is_text, "step": _number, "zero_point": _number}
_MODEL: Shape = {
    "name": is_text,
    "sha256": _hash,
    "input": {
        **_FORM,
        **dict.fromkeys(("height", "width", "channels"), _positive),
        "channels_first": _switch,
        "tensor_shape": _lengths,
    },
    "output": {**_FORM, "classes": _positive},
    "answers": {**dict.fromkeys(("class", "runner_up", "score", "runner_up_score"), _packed), "right": _whole},
}
_STATE: Shape = {
    "clocks_khz": _or_none(_clocks),
    "governor": _or_none(is_text),
    "celsius": _or_none(_celsius),
    "throttled": _or_none(_whole),
}
_WINDOW: Shape = {
    "laps_ns": _packed,
    "call_p50_ns": _positive,
    "calls_ns": _positive,
    "before": _STATE,
    "after": _STATE,
    "load": _or_none(_share),
    "void": _or_none(is_text),
    "tries": _positive,
}
_DATA: Shape = {"eval_sha256": _hash, "labels": _packed, "image_shape": _image, "models": [_MODEL]}
_HEAD: Shape = {"schema": _whole, "kind": is_text, "environment": _ENVIRONMENT}
SHAPES: dict[str, Shape] = {
    "evaluate": {**_HEAD, **_DATA},
    "bench": {
        **_HEAD,
        **_DATA,
        "pin": _or_none(_whole),
        "latency": [
            {
                "threads": _positive,
                "models": [{"name": is_text, "delegated": _or_none(_switch), "windows": [_WINDOW]}],
            }
        ],
    },
    "probe": {
        **_HEAD,
        "model_sha256": _hash,
        "threads": _positive,
        "pin": _or_none(_whole),
        "cold": _switch,
        "model_resident_share": _or_none(_share),
        **dict.fromkeys(("load_ns", "first_ns", "peak_kib"), _positive),
        **dict.fromkeys(("imported_kib", "steady_kib"), _or_none(_positive)),
        "peak_source": is_text,
    },
}
