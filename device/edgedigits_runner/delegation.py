"""Which operators of a loaded model XNNPACK, the only default delegate, runs.

Read from the operators of the loaded graph. The line "Created TensorFlow Lite XNNPACK delegate" that runtimes log says
nothing: tflite-runtime 2.14 logs it and then runs int8 models without.
"""

from __future__ import annotations

from typing import Any


def xnnpack(interpreter: Any) -> dict[str, Any]:
    """`applied`: whether XNNPACK took operators (None: not told); `outside`: the kinds of those it left."""
    operators = list_operators(interpreter)
    if not operators:
        return {"applied": None, "outside": []}
    taken = set(find_taken(operators))
    own = [one for one in operators if one["op_name"] != "DELEGATE"]
    return {
        "applied": bool(taken),
        "outside": sorted(
            {str(one["op_name"]) for one in own if int(one["index"]) not in taken and len(one["outputs"])}
        ),
    }


def list_operators(interpreter: Any) -> list[Any]:
    """Those of the loaded graph; none where the runtime does not tell, or where a name in the file is no text."""
    listed = getattr(interpreter, "_get_ops_details", None)
    try:
        return list(listed()) if listed else []
    except UnicodeDecodeError:
        return []


def find_taken(operators: list[Any]) -> list[int]:
    """The places of those operators that a delegate stands for, ascending; places are those in the file."""
    makers = {int(made): one for one in operators if one["op_name"] != "DELEGATE" for made in one["outputs"]}
    taken: set[int] = set()
    for delegate in (one for one in operators if one["op_name"] == "DELEGATE"):
        taken |= _between(makers, delegate)
    return sorted(taken)


def _between(makers: dict[int, Any], delegate: Any) -> set[int]:
    """The operators that a delegate stands for: those its outputs are made by, back to its inputs."""
    found: set[int] = set()
    ends = {int(tensor) for tensor in delegate["inputs"]}
    waiting = [int(tensor) for tensor in delegate["outputs"]]
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is not None and int(maker["index"]) not in found:
            found.add(int(maker["index"]))
            waiting += [int(tensor) for tensor in maker["inputs"] if int(tensor) not in ends]
    return found
