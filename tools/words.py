"""The catalogues of labels: each id that crmkit has, and beside it what translators go by.

English sentences are those of the declarations; a label in English is the spelled-out name until somebody words it
better in `en.po`. Other languages keep their texts, and what translates an older sentence is marked as fuzzy.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

import attrs
from babel.messages.catalog import Catalog as Messages
from babel.messages.catalog import Message
from babel.messages.pofile import read_po, write_po

from crmkit.labels.catalogue import ENGLISH
from crmkit.labels.vocabulary import Term, inherited, terms
from crmkit.lifecycle.built_in import BUILT_IN as PIPELINES
from crmkit.model.catalog import Catalog
from crmkit.repository.change import ChangeKind
from tools.sources import PACKAGE, models

LOCALE: Final = PACKAGE / "labels/locale"
_WIDTH: Final = 120
_HEAD: Final = r"""# Ids are written by tools/generate.py; the texts are written here.{}
msgid ""
msgstr ""
"Language: {}\n"
"Content-Type: text/plain; charset=UTF-8\n"

"""
_DECLARED: Final = "\n# Sentences come from the declarations: change them there."


def catalogues(root: Path) -> dict[Path, str]:
    """Return every shipped catalogue by its path under the root of the project."""
    needed = {each.id: each for each in entries(root)}
    held = {file.stem: read_po(BytesIO(file.read_bytes())) for file in sorted((root / LOCALE).glob("*.po"))}
    english = held.pop(ENGLISH, Messages())
    texts = {each.id: _english(each, english) for each in _worded(needed, english)}
    found = {ENGLISH: _written(_in_english(texts), ENGLISH, _DECLARED)}
    for language, messages in held.items():
        wanted = [(each.id, texts[each.id if each.id in texts else each.shared]) for each in _worded(needed, messages)]
        found[language] = _written(_translated(wanted, messages), language)
    return {LOCALE / f"{language}.po": text for language, text in found.items()}


def entries(root: Path) -> Iterator[Term]:
    """Yield what each catalogue words: what is explained alike in several places, once for all of them."""
    common = {each.id: each.said for each in _declared()}
    said = Counter((each.shared, each.said) for each in _declared())
    for (shared, text), times in said.most_common():
        if times > 1:
            common.setdefault(shared, text)
    for each in dict.fromkeys(_declared()):
        alike = each.shared and (not each.written or common.get(each.shared) == each.said)
        yield attrs.evolve(each, id=each.shared) if alike else each
    yield from (Term(f"event.{kind.value}") for kind in ChangeKind)
    yield from (Term(f"error.{code}") for code in sorted(error_codes(root / PACKAGE)))


def _declared() -> list[Term]:
    return [*inherited(), *terms(Catalog(models()), PIPELINES)]


def _worded(needed: Mapping[str, Term], held: Messages) -> list[Term]:
    """Return what a catalogue words: what each needs, and what this one calls otherwise in one place than in others."""
    own = [each for each in _declared() if not each.written and each.id not in needed and each.id in held]
    return [*needed.values(), *own]


def _english(entry: Term, held: Messages) -> str:
    message = held.get(entry.id)
    kept = "" if message is None or entry.written else str(message.string)
    return kept or entry.said


def _in_english(texts: Mapping[str, str]) -> Messages:
    messages = Messages(charset="utf-8")
    for id, text in texts.items():
        messages.add(id, text)
    return messages


def _translated(wanted: Iterable[tuple[str, str]], held: Messages) -> Messages:
    messages = Messages(charset="utf-8")
    for id, text in wanted:
        old = held.get(id) or Message(id, "")
        stale = bool(old.string) and (old.fuzzy or " ".join(old.auto_comments) not in {text, ""})
        messages.add(id, old.string, auto_comments=[text], flags={"fuzzy"} if stale else set())
    return messages


def _written(messages: Messages, language: str, note: str = "") -> str:
    out = BytesIO()
    write_po(out, messages, width=_WIDTH, omit_header=True)
    return _HEAD.format(note, language) + out.getvalue().decode()


# -- the codes of errors -----------------------------------------------------------------------------------------------


def error_codes(package: Path) -> set[str]:
    """Return every code that an error or a problem of the package may have."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(package.rglob("*.py"))]
    named = {name: value for tree in trees for name, value in _constants(tree)}
    places = {"Problem": 0} | {
        node.name: place
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for place, argument in enumerate(each for each in node.args.args if each.arg not in {"self", "cls"})
        if argument.arg == "code"
    }
    found = {code for tree in trees for node in ast.walk(tree) for code in _codes(node, places, named)}
    return {code for code in found if re.fullmatch("[a-z0-9_]+", code)}


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value


def _codes(node: ast.AST, places: dict[str, int], named: dict[str, str]) -> Iterator[str]:
    """Yield the codes that a call passes on, or that a class of errors bears."""
    if isinstance(node, ast.ClassDef):
        yield from (code for name, code in _constants(ast.Module(node.body, [])) if name == "code")
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = places.get(called)
        if place is not None and place < len(node.args):
            yield from _texts(node.args[place], named)


def _texts(node: ast.expr, named: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body, named), *_texts(node.orelse, named))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.Name) and node.id in named:
        yield named[node.id]
