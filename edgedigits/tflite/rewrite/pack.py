"""`edgedigits pack`: any .tflite file made slim, put in a shipping form, or both."""

from __future__ import annotations

from pathlib import Path

from edgedigits.errors import InputError
from edgedigits.ground.atomic import whole_file
from edgedigits.ground.facts import Facts
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import Form, name_form, pack_file, unpack_file

_SCHEMA = 1


def pack(model: Path, slim: bool, form: Form, out: Path | None) -> Facts:
    """Writes the file and says what it saved, JSON-safe; sizes in bytes.

    Raises InputError's kinds where the model can't be read or the file not written, CheckError where slim bytes answer
    differently from the model's.
    """
    before, facts = unpack_file(model), Facts()
    read(before, str(model))
    after = before
    if slim:
        from edgedigits.tflite.rewrite.apply import apply_slim
        from edgedigits.tflite.rewrite.equivalence import draw_examples

        after, facts = apply_slim(before, draw_examples(before, what=str(model)), str(model))
    target = name_form(out or _beside(model, slim), form)
    if target.resolve() == model.resolve():
        raise InputError(f"{model}: would be written over itself; give another --out")
    shipped = pack_file(after, form)
    with whole_file(target) as part:
        part.write_bytes(shipped)
    return {
        "schema": _SCHEMA,
        "model": str(model),
        "out": str(target),
        "form": form,
        "model_bytes": model.stat().st_size,
        "plain_bytes": len(before),
        "opened_bytes": len(after),
        "out_bytes": len(shipped),
        **facts,
    }


def _beside(model: Path, slim: bool) -> Path:
    bare = name_form(model, "plain")
    return bare.with_name(f"{bare.stem}-slim{bare.suffix}") if slim else bare


def to_text(found: Facts) -> str:
    """What was written, in a line or two for people."""
    lines = [f"{found['out']}: {found['out_bytes']:,} bytes, from {found['model_bytes']:,}"]
    if found["form"] != "plain":
        lines[0] += f"; opened {found['opened_bytes']:,}"
    if "slim" in found:
        lines.append(
            f"the same answers, bit by bit, to {found['slim']['examples']} random inputs in "
            f"{', '.join(found['slim']['interpreters'])}"
        )
    return "\n".join(lines)
