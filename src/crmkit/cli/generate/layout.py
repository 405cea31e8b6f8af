"""Lays out source as the formatter would, so that generated code is clean even where no formatter is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

__all__ = ["call", "doc", "import_lines", "in_order", "names"]

WIDTH: Final = 120
STEP: Final = "    "


def call(lead: str, heads: Sequence[str], parts: Sequence[str], tail: str, indent: str) -> list[str]:
    """Return the lines of a call, or of calls within calls: heads open them, parts are what the last one gets."""
    flat = f"{indent}{lead}{''.join(heads)}{', '.join(parts)}{')' * len(heads)}{tail}"
    if len(flat) <= WIDTH or not heads:
        return [flat]
    first, last = f"{indent}{lead}{heads[0]}", f"{indent}){tail}"
    if len(heads) > 1:
        return [first, *call("", heads[1:], parts, "", indent + STEP), last]
    together = f"{indent}{STEP}{', '.join(parts)}"
    if len(together) <= WIDTH:
        return [first, together, last]
    return [first, *(f"{indent}{STEP}{part}," for part in parts), last]


def doc(text: str, indent: str) -> list[str]:
    """Return a docstring's lines."""
    text = text.rstrip()
    if not text:
        return []
    quotes = ('r"""' if "\\" in text else '"""', '"""')
    lines = [f"{indent}{line}" if line else "" for line in text.splitlines()]
    lines[0] = f"{indent}{quotes[0]}{text.splitlines()[0]}"
    if len(lines) == 1 and len(lines[0]) + 3 <= WIDTH:
        return [lines[0] + quotes[1]]
    return [*lines, indent + quotes[1]]


def in_order(found: Iterable[str]) -> list[str]:
    """Return names as `__all__` lists them: constants, classes, functions."""
    return sorted(found, key=lambda name: (_rank(name), name))


def _rank(name: str) -> int:
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2


def names(lead: str, found: Iterable[str], brackets: str = "[]") -> list[str]:
    """Return the lines of a list of names in quotes, or of any other parts."""
    parts = list(found)
    flat = f"{lead}{brackets[0]}{', '.join(parts)}{brackets[1]}"
    if len(flat) <= WIDTH:
        return [flat]
    return [f"{lead}{brackets[0]}", *(f"{STEP}{part}," for part in parts), brackets[1]]


def import_lines(wanted: Mapping[str, Iterable[str]], own: str, indent: str = "") -> list[str]:
    """Return imports in their order: the standard library's, others', those of the package itself.

    Args:
        wanted: names by module; `""` or `"= dt"` among them is the module itself, plain or under another name.
        own: the package in which they stand.
        indent: what is in front of each line.
    """
    sections: list[list[str]] = [[], [], []]
    for module in sorted(wanted, key=str.lower):
        top = module.partition(".")[0]
        section = sections[2 if top == own else 0 if top in sys.stdlib_module_names else 1]
        section += [_import(module, each, indent) for each in wanted[module] if not each or each.startswith("=")]
    for module in sorted(wanted, key=str.lower):
        top = module.partition(".")[0]
        section = sections[2 if top == own else 0 if top in sys.stdlib_module_names else 1]
        plain = [each for each in wanted[module] if each and not each.startswith("=")]
        plain.sort(key=lambda name: (_rank(name), name.lower(), name))
        if plain:
            section.append(_from(module, plain, indent))
    return "\n\n".join("\n".join(section) for section in sections if section).split("\n") if any(sections) else []


def _import(module: str, alias: str, indent: str) -> str:
    return f"{indent}import {module}" + (f" as {alias.removeprefix('= ')}" if alias else "")


def _from(module: str, plain: list[str], indent: str) -> str:
    flat = f"{indent}from {module} import {', '.join(plain)}"
    if len(flat) <= WIDTH:
        return flat
    return "\n".join([f"{indent}from {module} import (", *(f"{indent}{STEP}{name}," for name in plain), f"{indent})"])
