"""No regular expression takes more than linear time: each is looked at, wherever it stands in the source."""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]  # the parsed form has no public name
from re import _parser as parser  # type: ignore[attr-defined]  # as above
from typing import Any, NamedTuple

import pytest

import crmkit

SOURCE = Path(crmkit.__file__).parent
CHARACTERS = frozenset(map(chr, range(0x250))) | set("\u2009\u2019\u202f\u0663")
CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
FUNCTIONS = ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
ANCHORED = ("match", "fullmatch")


class Atom(NamedTuple):
    """One step of a pattern: what it can take, whether any number of times, and whether it may be passed over."""

    takes: frozenset[str]
    endless: bool = False
    optional: bool = False


def patterns() -> Iterator[tuple[str, str, bool]]:
    """Yield the place of each pattern, the pattern, and whether it may begin anywhere in a text."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name), args=[given, *_]) if (
                    name in FUNCTIONS
                ):
                    used = name not in ANCHORED
                    if name == "compile" and (kept := assigned(text, node.lineno)):
                        used = bool(re.search(rf"\b{kept}\.(search|sub|split|find)", text))
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", written(given), used


def assigned(text: str, line: int) -> str:
    found = re.match(r"\s*(\w+)", text.splitlines()[line - 1])
    return found[1] if found else ""


def written(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(part.value if isinstance(part, ast.Constant) else "7" for part in values)
        case _:
            return ""  # handed over under a name; where it is written, it is looked at


def taken(op: Any, argument: Any) -> frozenset[str]:
    if op is sre.LITERAL:
        return frozenset({chr(argument)})
    if op is sre.NOT_LITERAL:
        return CHARACTERS - {chr(argument)}
    if op is sre.ANY:
        return CHARACTERS - {"\n"}
    if op is sre.RANGE:
        return frozenset(map(chr, range(argument[0], min(argument[1], 0x3000) + 1)))
    if op is sre.CATEGORY:
        return frozenset(each for each in CHARACTERS if re.match(CATEGORIES[argument], each))
    assert op is sre.IN, op
    inside = frozenset[str]().union(*(taken(*part) for part in argument if part[0] is not sre.NEGATE))
    return CHARACTERS - inside if argument[0][0] is sre.NEGATE else inside


def ways(parsed: Any) -> list[list[Atom]]:
    """Return what a pattern can be, alternatives apart; what is repeated stands twice, so that it meets itself."""
    found: list[list[Atom]] = [[]]
    for op, argument in parsed:
        found = [before + after for before, after in product(found, step(op, argument))]
    return found


def step(op: Any, argument: Any) -> list[list[Atom]]:
    if op is sre.SUBPATTERN:
        return ways(argument[-1])
    if op is sre.ATOMIC_GROUP:
        return ways(argument)
    if op is sre.BRANCH:
        return [way for each in argument[1] for way in ways(each)]
    if op in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
        least, most, inner = argument
        endless = most is sre.MAXREPEAT and op is not sre.POSSESSIVE_REPEAT
        found: list[list[Atom]] = []
        for way in ways(inner):
            if len(way) == 1 and not way[0].endless:
                found.append([Atom(way[0].takes, endless, not least)])
            else:
                found += [way * (1 + (most is sre.MAXREPEAT))] + [[]] * (not least)
        return found
    if op in {sre.AT, sre.ASSERT_NOT}:
        return [[]]
    if op is sre.ASSERT:
        assert not ambiguous(argument[1], anywhere=False)
        return [[]]
    return [[Atom(taken(op, argument))]]


def ambiguous(parsed: Any, *, anywhere: bool) -> bool:
    guarded = len(parsed) and parsed[0][0] in {sre.AT, sre.ASSERT_NOT}
    return any(meets(way) or (anywhere and not guarded and begins_again(way)) for way in ways(parsed))


def meets(way: list[Atom]) -> bool:
    """Return whether two endless steps can share a text, in as many ways as it is long."""
    for place, atom in enumerate(way):
        if atom.endless:
            for other in way[place + 1 :]:
                if other.endless and other.takes & atom.takes:
                    return True
                if not other.optional and not other.takes & atom.takes:
                    break
    return False


def begins_again(way: list[Atom]) -> bool:
    """Return whether a search that fails reads the same text again from its next character."""
    for place, atom in enumerate(way):
        fails = any(not each.optional for each in way[place + 1 :])
        if atom.endless and fails and all(each.takes & atom.takes for each in way[:place]):
            return True
    return False


@pytest.mark.parametrize(("place", "pattern", "anywhere"), [*patterns()])
def test_a_pattern_takes_linear_time(place: str, pattern: str, *, anywhere: bool) -> None:
    assert not ambiguous(parser.parse(pattern), anywhere=anywhere), f"{place}: {pattern}"


@pytest.mark.parametrize(
    ("pattern", "anywhere"),
    [
        (r"(a+)+b", False),
        (r"\d*\d*x", False),
        (r"[+-]?[\d\s().,]*\d[\d\s().,]*", False),
        (r"(\w+\s?)*x", False),
        (r"(a|ab)*(a|b)+a*x", False),
        (r"[-+(]*\s*\d", True),
        (r"\s+$x", True),
        (r"a\w*z", True),
    ],
)
def test_one_that_does_not_is_found_out(pattern: str, *, anywhere: bool) -> None:
    assert ambiguous(parser.parse(pattern), anywhere=anywhere)


def test_all_patterns_are_looked_at() -> None:
    assert len([*patterns()]) > 20
    sources = {path.name: path.read_text("utf-8") for path in SOURCE.rglob("*.py")}
    assert [
        name for name, text in sources.items() if re.search(r"from re import|import regex|import re as", text)
    ] == []
