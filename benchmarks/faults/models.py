"""Cases of models: activations without kernels, an export that is broken, classes that are lost or in another order."""

from __future__ import annotations

from benchmarks.document import target
from benchmarks.faults.scene import Scene, Targets, accuracy, close, ended_well, printed, said

HALF = 0.5


def elu(scene: Scene) -> Targets:
    """ELU, also with its own alpha, and softplus: int8 within half a point of float, and of what Keras said."""
    keras = scene.script("elu.py")
    scene.script("selu.py")  # leaves the same digits as d16.npz
    found: Targets = []
    for name in ("elu_01", "softplus_01", "elu_half_01"):
        made = scene.compress(f"{name}.keras", "d16.npz", "--scale", "0..1")
        found.append(close(f"elu.py: {name}, int8 against Keras", 100 * printed(keras, name), HALF, accuracy(made)))
    return found


def selu(scene: Scene) -> Targets:
    """Raw pixels into nets that blow them up: within 2 points of float, or a sentence; never a dead process."""
    keras = scene.script("selu.py")
    found: Targets = []
    for name in ("selu_raw", "selu_01", "elu_raw", "softplus_raw", "swish_raw", "gelu_raw"):
        made = scene.compress(f"{name}.keras", "d16.npz", "--scale", "0..1" if name.endswith("01") else "0..255")
        if made.code == 0:
            found.append(close(f"selu.py: {name}, int8 against Keras", 100 * printed(keras, name), 2, accuracy(made)))
        else:
            found.append(ended_well(f"selu.py: {name}, refused in a sentence", made))
    return found


def parity_vacuous(scene: Scene) -> Targets:
    """An export that keeps 1.3 of 53.2 %: exit code 1, nothing written."""
    scene.script("parity_vacuous.py", 100, 12)
    made = scene.compress("hard200.keras", "hard200.npz", "--scale", "0..1")
    out = scene.folder / "out"
    left = [path.name for path in out.iterdir()] if out.is_dir() else []
    return [
        target("parity_vacuous.py: exit code", "1", made.code, made.sentence[:200], made.code == 1 and not made.fault),
        target("parity_vacuous.py: files written", "0", len(left), "files", not left),
    ]


def imbalance(scene: Scene) -> Targets:
    """The rare class keeps its recall, or its loss is said; recall of each class stands in the record."""
    scene.script("imbalance.py")
    recipe = scene.cases / "prune95.yaml"
    made = scene.compress("imbal.keras", "imbal.npz", "--scale", "0..1", recipe=recipe)
    if made.code:
        return [
            said("imbalance.py: the loss of the rare class is gated", made, r"\brecall\b|\bclass(es)?\b", refused=True)
        ]
    classes = made.json().get("test", {}).get("classes", [])
    rows = [one for one in classes if {"float_recall", "compressed_recall"} <= one.keys()]
    seen = target("imbalance.py: classes whose recall is recorded", "2", len(rows), "classes", len(rows) == 2)
    if len(rows) != 2:
        return [seen]
    lost = 100 * (rows[1]["float_recall"] - rows[1]["compressed_recall"])
    if lost <= 100 / 11 + 1e-9:  # one image of eleven is no loss that could be told from chance
        return [seen, target("imbalance.py: recall of the rare class lost", "<= 9.1", round(lost, 1), "points", True)]
    return [seen, said("imbalance.py: the loss of the rare class is said", made, r"\brecall\b")]


def order(scene: Scene) -> Targets:
    """Folders named 0 to 11: in the order of the numbers; in another order the permutation is said."""
    keras = scene.script("order.py")
    given = ("--scale", "0..1")
    made = scene.compress("order.keras", "f_order", *given)
    wrong = "0,1,10,11,2,3,4,5,6,7,8,9"
    turned = scene.compress("order.keras", "f_order", *given, "--classes", wrong, out="turned")
    right = scene.compress("order.keras", "f_order", *given, "--classes", ",".join(map(str, range(12))), out="named")
    return [
        close("order.py: folders named 0 to 11", 100 * printed(keras, "keras"), 1, accuracy(made)),
        close("order.py: --classes in the right order", 100 * printed(keras, "keras"), 1, accuracy(right)),
        said("order.py: --classes in another order", turned, r"another order|\border of the classes"),
    ]
