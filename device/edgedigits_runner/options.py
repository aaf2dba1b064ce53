"""Options of a command line, as getopt reads them.

Not by getopt, which imports gettext; argparse takes as long as a tenth of importing NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator

HELP = "help"


class WrongOption(ValueError):
    """Which option is wrong, and how."""


def split_options(arguments: list[str], takes: dict[str, bool]) -> tuple[list[tuple[str, str]], list[str]]:
    """The options with their texts, and what is none, wherever it stands; WrongOption where a name or a text is wrong.

    `takes`: whether an option takes a text, as `--name text` or `--name=text`. A name may be cut short as long as it is
    the only one that begins so; -h is --help; after -- there are no options.
    """
    given: list[tuple[str, str]] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += words
        elif word.startswith("--"):
            given.append(_long(word[2:], takes, words))
        elif word.startswith("-") and word != "-":
            if word.strip("h") != "-":
                raise WrongOption(f"option -{word[1:].lstrip('h')[0]} not recognized")
            given += [(HELP, "")] * len(word[1:])
        else:
            rest.append(word)
    return given, rest


def _long(word: str, takes: dict[str, bool], words: Iterator[str]) -> tuple[str, str]:
    """An option by what stands after its --, and by the next word if that is its text."""
    begun, equals, text = word.partition("=")
    names = [begun] if begun in takes else [name for name in takes if name.startswith(begun)]
    if not names:
        raise WrongOption(f"option --{begun} not recognized")
    if len(names) > 1:
        raise WrongOption(f"option --{begun} not a unique prefix")
    name = names[0]
    if equals and not takes[name]:
        raise WrongOption(f"option --{name} must not have an argument")
    if takes[name] and not equals:
        try:
            text = next(words)
        except StopIteration:
            raise WrongOption(f"option --{name} requires argument") from None
    return name, text
