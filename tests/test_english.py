"""Messages and docstrings read like English: the worst of what slipped in before stays out."""

import ast
import re
from pathlib import Path

import pytest

import crmkit

SOURCE = Path(crmkit.__file__).parent
WORST = {
    "X is no Y": re.compile(r"(?<![Tt]here )\b(?:is|are|was) no (?!longer\b)[a-z]"),
    "X is none": re.compile(r"(?<![Tt]here )\bis none\b(?! of)"),
    "X is nothing to": re.compile(r"(?<![Tt]here )\bis nothing to\b"),
    "a int": re.compile(r"\b[Aa] (?:int|object|id|index|email|activity|opportunity|address|unknown|empty)\b"),
    "a {type}": re.compile(r"\b[Aa] \{[^}]*(?:__name__|schema\.name|entity|\.to|link_target)\}"),
}


def texts(tree: ast.AST) -> list[tuple[int, str]]:
    """Return every text of a module with its line; what is filled in stands in braces."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append((node.lineno, "".join(map(shown, node.values))))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            found.append((node.lineno, node.value))
    return [(line, " ".join(text.split())) for line, text in found]


def shown(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return f"{{{ast.unparse(part.value)}}}"
    return str(part.value) if isinstance(part, ast.Constant) else ""


FILES = [each.relative_to(SOURCE).as_posix() for each in sorted(SOURCE.rglob("*.py"))]


@pytest.mark.parametrize("file", FILES)
def test_no_text_says_it_in_the_worst_way(file: str) -> None:
    tree = ast.parse((SOURCE / file).read_text(encoding="utf-8"))
    bad = [
        f"{file}:{line}: {name}: {text[:100]}"
        for line, text in texts(tree)
        for name, pattern in WORST.items()
        if pattern.search(text)
    ]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize(
    "text",
    [
        "int is no model.",
        "'x' is no time zone.",
        "a str is nothing to order by.",
        "the zone is none.",
        "a int was given",
    ],
)
def test_the_worst_is_recognised(text: str) -> None:
    assert any(pattern.search(text) for pattern in WORST.values())


@pytest.mark.parametrize(
    "text", ["there is no model 'x'.", "it is no longer there.", "an int was given", "there is none"]
)
def test_plain_english_passes(text: str) -> None:
    assert not any(pattern.search(text) for pattern in WORST.values())
