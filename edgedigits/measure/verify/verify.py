"""`verify`: layers against the float form, or bytes against bytes; which of the two follows from what was given."""

from __future__ import annotations

from dataclasses import replace

from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.verify.layers import verify_layers
from edgedigits.measure.verify.node_data import make_node_data
from edgedigits.measure.verify.report import LayersReport
from edgedigits.measure.verify.same_bytes import BytesReport, Side, verify_bytes
from edgedigits.measure.verify.sides import REFERENCE, SIDES
from edgedigits.measure.verify.subject import Subject, VerifyWish, computes_in_integers, make_subject

DEFAULT_RUNTIME = "litert"


def verify(
    wish: VerifyWish, against: str | None, runtime: str | None, say: Say
) -> tuple[LayersReport | BytesReport, JsonObject | None]:
    """What was found, and the node data of it for Model Explorer, None where the files were not compared layer by layer with a
    float form. Raises InputError's kinds."""
    _check(wish, against, runtime)
    subject = make_subject(wish, say)
    if against is not None:
        one, other = (Side(subject.name, subject.flat, side) for side in (against, runtime or DEFAULT_RUNTIME))
        return verify_bytes(subject, one, other, say), None
    subject = _order(subject, wish)
    if wish.other is not None and subject.plain is not None and computes_in_integers(subject.plain, subject.plain_name):
        one, other = Side(subject.plain_name, subject.plain, REFERENCE), Side(subject.name, subject.flat, REFERENCE)
        return verify_bytes(subject, one, other, say), None
    report = verify_layers(subject, say)
    return report, make_node_data(report, subject.flat)


def _check(wish: VerifyWish, against: str | None, runtime: str | None) -> None:
    for name, value, choices in (("against", against, SIDES), ("runtime", runtime, SIDES)):
        if value is not None and value not in choices:
            raise InputError(f"--{name}: found {value!r}; choose from {', '.join(choices)}")
    if runtime is not None and against is None:
        raise InputError(f"--runtime {runtime}: say with --against what it is held against, as --against reference")
    if against is not None and wish.other is not None:
        raise InputError(f"--against {against}: runs one file twice, and two were given; leave out {wish.other}")
    if against is not None and against == (runtime or DEFAULT_RUNTIME):
        raise InputError(f"--against {against}: the same on both sides; choose another of {', '.join(SIDES)}")


def _order(subject: Subject, wish: VerifyWish) -> Subject:
    """The float file is what the other is held against, in whatever order they were named."""
    if wish.other is None or subject.plain is None:
        return subject
    if computes_in_integers(subject.plain, subject.plain_name) and not computes_in_integers(subject.flat, subject.name):
        note = f"{subject.name} is the float one of the two, so {subject.plain_name} is held against it"
        return replace(
            subject,
            name=subject.plain_name,
            flat=subject.plain,
            plain_name=subject.name,
            plain=subject.flat,
            notes=(*subject.notes, note),
        )
    return subject
