"""What `verify` found, for people: a table of layers, worst first, and a sentence for each suspect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.api.render.profile import plain, word_share
from edgedigits.api.render.tables import start_table
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.verify.causes.layer import Layer
from edgedigits.measure.verify.report import LayersReport
from edgedigits.measure.verify.same_bytes import BytesReport
from edgedigits.tflite.layers.sums import MOST_DB

_MOST_ROWS: Final = 24
_MOST_SUSPECTS: Final = 5
_MOST_NAME: Final = 34
_LEGEND: Final = (
    "Alone: Kullback-Leibler divergence, in nats per image, that this layer's own error alone makes of the float form's answers. "
    "Own: signal to noise of what the layer adds itself, its median channel; all: with what it inherits. Error in steps of its "
    "scale; cut: values beyond its range; dead: channels that no longer vary."
)


def render(report: LayersReport | BytesReport) -> Group:
    """Made for 100 columns."""
    return _render_layers(report) if isinstance(report, LayersReport) else _render_bytes(report)


def _render_layers(report: LayersReport) -> Group:
    title = Text(plain(f"{report.name}, against {report.plain_name}"), style="bold")
    shown: list[RenderableType] = (
        [title, _layers_table(report), Text(_LEGEND, style="dim"), Text()] if report.layers else []
    )
    return Group(*shown, *(Text(plain(line)) for line in _tell_layers(report)))


def _layers_table(report: LayersReport) -> Table:
    columns = ("layer", "alone", "own dB", "all dB", "cosine", "error", "cut", "dead")
    table = start_table("", *columns, words=1)
    table.title = None
    for layer in report.layers[:_MOST_ROWS]:
        table.add_row(*_cells(layer))
    if (left := len(report.layers) - _MOST_ROWS) > 0:
        table.add_row(f"{left} better ones", *[""] * (len(columns) - 1))
    return table


def _cells(layer: Layer) -> Iterator[str]:
    known = layer.match.kind if layer.name.startswith("#") else layer.name  # a slim file has no names
    name = layer.name if layer.is_input else f"#{layer.match.index} {known}"
    yield plain(_shorten(name))
    yield f"{layer.alone:.4f}" if layer.alone >= 5e-5 else "0"
    yield _word_db(layer.channel_snr_db)
    yield _word_db(float(layer.found["snr_db"]))
    yield f"{layer.found['cosine']:.4f}"
    yield "" if layer.largest_steps is None else f"{layer.largest_steps:.1f}"
    yield _word_few(layer.cut_share) if layer.cut_share else ""
    dead = layer.found["dead_channels"]
    yield f"{dead} of {len(layer.channel_sizes)}" if dead else ""


def _shorten(name: str) -> str:
    """Its place, and the end of a long name: what layers of one block have in common stands in front."""
    place, _, rest = name.rpartition(" ")
    left = _MOST_NAME - len(place) - 4
    return name if len(name) <= _MOST_NAME else f"{place} ...{rest[-left:]}".strip()


def _word_few(share: float) -> str:
    return word_share(share) if share >= 5e-4 else "< 0.1 %"


def _word_db(value: float) -> str:
    return "exact" if value >= MOST_DB else f"{value:.1f}"


def _tell_layers(report: LayersReport) -> Iterator[str]:
    yield _word_answers(report.answers, report.plain_name, report.images)
    if report.float_answers is not None:
        yield _word_answers(report.float_answers, str(report.float_answers["against"]), report.images)
    for number, suspect in enumerate(report.suspects[:_MOST_SUSPECTS], 1):
        yield f"{number}. {suspect.sentence}"
    if left := report.suspects[_MOST_SUSPECTS:]:
        yield f"{len(left)} more of the same kinds stand in --json."
    if report.layers and not report.suspects and not report.others:
        worst = max(report.layers, key=lambda one: one.alone)
        yield (
            "No layer is broken: every one rounds as its numbers must, and alone none moves the answers by more than "
            f"{worst.alone:.2g} nats ({worst.name})."
        )
    if report.layers and report.unmatched:
        names = ", ".join(report.unmatched[:4]) + (", ..." if len(report.unmatched) > 4 else "")
        many = "1 step has" if len(report.unmatched) == 1 else f"{len(report.unmatched)} steps have"
        yield f"{many} no equal on the other side and count to the layers behind: {names}."
    if report.layers and report.kernels != "reference":
        yield "LiteRT's reference kernels lack an operator of it, so its optimized ones ran it."
    for note in report.notes:
        yield f"Note: {note}."


def _word_answers(answers: JsonObject, against: str, images: str) -> str:
    changed = answers["changed_images"]
    same = "the same answer to all of them" if not changed else f"another answer to {changed} of them"
    return f"On {images}: {same}, {answers['kl_nats']:.2g} nats from those of {against}."


def _render_bytes(report: BytesReport) -> Group:
    lines = [_word_bytes(report)]
    if report.layers:
        lines.append(
            f"{len(report.layers)} of {report.compared} layers differ, first {report.first}; each was given out as an output."
        )
    elif report.compared:
        lines.append(f"Each of {report.compared} layers, given out as an output, is bit-identical.")
    lines += [f"Note: {note}." for note in report.notes]
    shown = [_bytes_table(report)] if report.layers else []
    return Group(*shown, *(Text(plain(line)) for line in lines))


def _bytes_table(report: BytesReport) -> Table:
    table = start_table("", "layer", "values that differ", "largest", "steps", words=1)
    table.title = None
    for one in report.layers[:_MOST_ROWS]:
        steps = "" if one.largest_steps is None else f"{one.largest_steps:.0f}"
        name = plain(f"#{one.index} {one.kind} {one.layer}")
        table.add_row(name, _word_few(one.differing_share), f"{one.largest:.3g}", steps)
    return table


def _word_bytes(report: BytesReport) -> str:
    found = report.answers
    if found["identical"]:
        return f"Bit-identical: {report.other} answers as {report.one} does, on {report.images}."
    largest = f"{found['largest']:.3g}" if found["largest_steps"] is None else f"{found['largest_steps']:.0f} steps"
    return (
        f"Not identical: {report.other} answers otherwise than {report.one}, by {largest} at most (image {found['image']}, "
        f"output {found['output']}); {found['changed_images']} answers are others, on {report.images}."
    )
