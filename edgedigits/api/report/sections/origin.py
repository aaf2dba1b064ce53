"""Section: what it was made of, and how it is made again."""

from __future__ import annotations

from collections.abc import Iterator

from edgedigits.api.render.page.blocks import Block, Code, Column, Lines, Section, Table, Text
from edgedigits.api.report.sections.source import Source


def show_origin(source: Source) -> Section:
    """Recipe, seed, data, scale, versions, hashes, gates, and the commands."""
    return Section("origin", "Made of", (), tuple(_blocks(source)))


def _blocks(source: Source) -> Iterator[Block]:
    commands = (
        ("Made again: ", Code(source.told("text", "commands", "compress"))),
        ("This report again: ", Code(source.told("text", "commands", "report"))),
    )
    yield Lines(commands)
    yield Table("facts", (Column("", False), Column("", False)), tuple(_facts(source)))
    yield source.table(
        "settings",
        ("settings",),
        [("part", "text", ("part",)), ("setting", "text", ("setting",)), ("value", "text", ("value",))],
        ("Recipe",),
        most=8,
    )
    if source.get("manifest", "gates"):
        gates = source.get("manifest", "gates")
        lines = (
            (
                source.told("text", "manifest", "gates", at, "gate"),
                " ",
                source.told("text", "manifest", "gates", at, "sentence"),
                ".",
            )
            for at in range(len(gates))
        )
        yield Lines(tuple(lines))
    for name, key, title in (("versions", "versions", "Versions"), ("files", "files", "SHA-256 of the files")):
        keys = source.get("manifest", key) or {}
        rows = tuple(
            ((source.told("text", "names", key, at),), (Code(source.told("text", "manifest", key, item)),))
            for at, item in enumerate(keys)
        )
        yield Table(name, (Column("", False), Column("", False)), rows, (title,), most=20)


def _facts(source: Source) -> Iterator[tuple[Text, ...]]:
    manifest = "manifest"
    yield ("artifact",), (Code(source.told("text", "path")),)
    yield (
        ("model",),
        (
            source.told("text", manifest, "model", "name"),
            ", SHA-256 ",
            Code(source.told("text", manifest, "model", "sha256")),
        ),
    )
    yield ("recipe",), (source.told("text", manifest, "recipe", "name"), ": ", source.told("text", "steps"))
    yield (
        ("data",),
        (
            source.told("text", manifest, "data", "name"),
            ", fingerprint ",
            Code(source.told("text", manifest, "data", "fingerprint")),
        ),
    )
    yield (
        ("input",),
        (source.told("shape", manifest, "input", "shape"), " pixels, scaled to ", source.told("text", "scaling")),
    )
    if source.get(manifest, "seed") is not None:
        yield ("seed",), (source.told("text", manifest, "seed"),)
    if source.get("edgedigits"):
        yield ("made with",), ("edgedigits ", source.told("text", "edgedigits"))
    if source.get("latency") is not None:
        at = ("latency", "environment")
        cores: Text = (
            ", ",
            source.told("count", *at, "cpus"),
            " cores, ",
            source.told("list", *at, "instruction_sets"),
        )
        yield (
            ("measured on",),
            (source.told("text", *at, "platform"), *cores, "; Python ", source.told("text", *at, "python")),
        )
