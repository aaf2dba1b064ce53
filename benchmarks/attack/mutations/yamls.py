"""YAML that people could write: aliases, tags, dates, keys twice, surrogates, depth; or one line of a right file changed."""

from __future__ import annotations

from random import Random

from benchmarks.attack.mutations import blind

VALUES = (
    "2020-01-01", "2020-13-45", "2001-12-14t21:59:43.10-05:00", "!!int x", "!!float x", "!!timestamp x", "!!binary '*'",
    "!!bool 7", "!!python/object/apply:os.system [x]", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!str", "!!null x",
    "!!map [a]", "!!seq {a: 1}", "!unknown x", '"\\uD800"', '"\\U00110000"', '"\\x00"', "'\u202eabc'", "\x1b[31m", "1" * 5000,
    ".inf", "-.inf", ".nan", "1e999", "-1", "0", "2147483648", "18446744073709551616", "0x7fffffffffffffff", "0o17", "1_000",
    "190:20:30", "~", "yes", "'../../outside'", "/dev/zero", "n" * 300, "[]", "{}", "[[[[]]]]", "{a: {b: {c: 1}}}", "*nowhere",
    "&a [*a]", "&a {b: *a}", "{[1]: 2}", "{{a: 1}: 2}", "? [x]", "|", ">", "%", "@", "`", "- - - -", "'", '"', "a: b: c",
    "<<: 1", "{<<: [1]}", "=", "0b2", "1__", "!!int 0x", "!!int ''", "!!float ''", "!<tag:yaml.org,2002:int> ''", "0.0.0",
)  # fmt: skip


def spoil(rng: Random, data: bytes) -> bytes:
    """One line, or a few, changed; a document that is one trap; or bytes blindly."""
    chance = rng.random()
    if chance < 0.2:
        return blind.spoil(rng, data)
    if chance < 0.3:
        return rng.choice(TRAPS)(rng, data.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")
    lines = data.decode("utf-8", "replace").splitlines()
    for _ in range(rng.choice((1, 1, 2, 3))):
        lines = _changed(rng, lines)
    return "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"


def _changed(rng: Random, lines: list[str]) -> list[str]:
    if not lines:
        return [rng.choice(VALUES)]
    at = rng.randrange(len(lines))
    line = lines[at]
    key, colon, _ = line.partition(": ")
    ways = [
        f"{key}{colon or ': '}{rng.choice(VALUES)}",
        f"{rng.choice(VALUES)}: {line.strip()}",
        _other_number(rng, line),
        " " * rng.randrange(1, 9) + line,
        line.lstrip(),
        line.replace("{", "[").replace("}", "]"),
        line + rng.choice((" x", ": 1", ", sparsity: 2}", "\t", " &a", " *a", " #", "\0", "\ufffe")),
        "",
    ]
    return [*lines[:at], rng.choice(ways), *lines[at + rng.choice((0, 1, 1, 1)) :]]


def _other_number(rng: Random, line: str) -> str:
    """The first value between braces, or all after the first colon."""
    start = line.find("{")
    inner = line[start + 1 :] if start >= 0 else line
    key, colon, rest = inner.partition(":")
    _, end, more = rest.partition("," if "," in rest else "}")
    return f"{line[: start + 1]}{key}{colon} {rng.choice(VALUES)}{end}{more}"


def _aliases(rng: Random, text: str) -> str:
    """Nine times nine lists of lists: a few hundred bytes that are billions once they are written out."""
    depth = rng.choice((3, 9, 30))
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, depth)]
    last = f"*a{depth - 1}"
    ends = (f"name: {last}\n", f"export: {last}\n", f"stages: {last}\n", f"hosts: [{last}]\n", f"{text}\nfor: {last}\n")
    return "\n".join(lines) + "\n" + rng.choice(ends)


def _one_alias(rng: Random, text: str) -> str:
    """The bomb where a value is expected, and nothing beside it that is refused before."""
    inner = "[x, x, x, x, x, x, x, x, x]"
    for number in range(9):
        inner = f"[&a{number} {inner}, {', '.join([f'*a{number}'] * 8)}]"
    return rng.choice(
        (f"name: {inner}\nexport: int8\n", f"export: {inner}\n", inner, f"hosts: {inner}\n", text + inner)
    )


def _deep(rng: Random, text: str) -> str:
    depth = rng.choice((50, 500, 5_000, 50_000))
    return rng.choice(("[" * depth, "{a: " * depth, "- " * depth + "x", text + "\nfor: " + "[" * depth + "]" * depth))


def _many(rng: Random, text: str) -> str:
    """Twenty thousand keys, or entries; some of them twice."""
    count = 20_000
    same = rng.choice(("", f"k{count - 1}: 1\n"))
    keys = "".join(f"k{number}: 1\n" for number in range(count)) + same
    return rng.choice((keys, text + "\n" + keys, "hosts:\n" + "".join(f"- pi@h{n}\n" for n in range(count))))


def _long(rng: Random, text: str) -> str:
    return rng.choice((f"name: {'n' * 2_000_000}\n{text}", f"{text}\nfor: '{'x ' * 500_000}'", "x" * 1_000_000))


def _documents(rng: Random, text: str) -> str:
    return rng.choice(
        (f"{text}---\n{text}", "--- 1\n--- 2\n", "%YAML 9.9\n---\n" + text, "%TAG ! x\n" + text, "...\n", "")
    )


def _name(rng: Random, text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("name:")]
    names = ("../../outside", "a/b", ".", "..", "''", "\u202egpj", '"\\e[31m"', '"\\0"', "n" * 300, "con", "-x", '" "')
    return "\n".join([f"name: {rng.choice(names)}", *lines]) + "\n"


TRAPS = (_aliases, _one_alias, _deep, _many, _long, _documents, _name)
