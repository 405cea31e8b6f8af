"""Python source, read without being run: what a module defines, imports and calls public."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from crmkit.errors import BadFile, CrmError

__all__ = ["Class", "Imported", "Method", "Module", "Sources"]

Method: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_ABSTRACT: Final = frozenset({"abc", "typing"})
"""Modules whose classes only say what a class is, and add nothing to it."""


@attrs.frozen
class Imported:
    """Where a name comes from; a blank `name` is the module itself. `late` ones are there for type checkers only."""

    module: str
    name: str
    late: bool = False


@attrs.define(slots=False)
class Module:
    """One module's syntax tree."""

    name: str
    path: Path
    text: str

    @cached_property
    def statements(self) -> tuple[tuple[ast.stmt, bool], ...]:
        """The statements at the top, each with whether it is there for type checkers only."""
        try:
            tree = ast.parse(self.text)
        except SyntaxError as error:
            raise BadFile(str(self.path), f"is not Python: {error.msg}, in line {error.lineno}.") from None
        return tuple(_unfolded(tree.body, late=False))

    @cached_property
    def imports(self) -> Mapping[str, Imported]:
        """What is imported at the top, by the name that it gets here."""
        found: dict[str, Imported] = {}
        for statement, late in self.statements:
            if isinstance(statement, ast.Import):
                found |= {each.asname or each.name: Imported(each.name, "", late) for each in statement.names}
            elif isinstance(statement, ast.ImportFrom):
                home = self._absolute(statement)
                found |= {each.asname or each.name: Imported(home, each.name, late) for each in statement.names}
        return found

    @cached_property
    def defined(self) -> Mapping[str, ast.stmt]:
        """What is defined at the top: classes, functions and values."""
        found: dict[str, ast.stmt] = {}
        for statement, _ in self.statements:
            if isinstance(statement, ast.ClassDef | Method):
                found[statement.name] = statement
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                found[statement.targets[0].id] = statement
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found[statement.target.id] = statement
        return found

    @property
    def public(self) -> tuple[str, ...]:
        """The names in `__all__`; those without an underscore in front, if there is no such list."""
        names = self.defined.get("__all__")
        if isinstance(names, ast.Assign):
            return tuple(ast.literal_eval(names.value))
        return tuple(name for name in self.defined if not name.startswith("_"))

    def cut(self, node: ast.AST) -> str:
        """Return a node as it is written."""
        return " ".join((ast.get_source_segment(self.text, node) or "").split())

    def annotation(self, node: ast.expr | None) -> str:
        """Return an annotation as it is written, without quotes; blank if there is none."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self.cut(node) if node is not None else ""

    def _absolute(self, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        return importlib.util.resolve_name("." * statement.level + (statement.module or ""), package)


def _unfolded(body: Iterable[ast.stmt], *, late: bool) -> Iterator[tuple[ast.stmt, bool]]:
    for statement in body:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _unfolded(statement.body, late=True)
        else:
            yield statement, late


@attrs.frozen
class Class:
    """A class where it is defined."""

    module: Module
    node: ast.ClassDef

    @property
    def awaited(self) -> bool:
        """Whether it is named as one that is awaited, or has calls that are."""
        return self.node.name.startswith("Async") or any(
            isinstance(each, ast.AsyncFunctionDef) for each in self.methods
        )

    @property
    def stateful(self) -> bool:
        """Whether it keeps something itself."""
        return any(each.name == "__init__" for each in self.methods) or bool(self.node.decorator_list)

    @property
    def methods(self) -> Iterator[Method]:
        """What it defines itself."""
        return (each for each in self._definitions if not _is_overload(each))

    def overloads(self, name: str) -> list[Method]:
        """Return the signatures that type checkers choose from for a method, if it has several."""
        return [each for each in self._definitions if each.name == name and _is_overload(each)]

    @property
    def _definitions(self) -> Iterator[Method]:
        return (each for each in self.node.body if isinstance(each, Method))


def _is_overload(node: Method) -> bool:
    return any(ast.unparse(each).rpartition(".")[2] == "overload" for each in node.decorator_list)


class Sources:
    """Modules by name, found on the path but never imported.

    Args:
        instead: texts that take the place of what is in the files.
    """

    def __init__(self, instead: Mapping[str, str] | None = None) -> None:
        self._instead = instead or {}
        self._modules: dict[str, Module] = {}

    def __getitem__(self, name: str) -> Module:
        """Return a module.

        Raises:
            BadFile: it does not exist, or is not Python.
        """
        if name not in self._modules:
            instead = self._instead.get(name)
            path = _place(name) if instead is None else Path(name)
            text = path.read_text(encoding="utf-8") if instead is None else instead
            self._modules[name] = Module(name, path, text)
        return self._modules[name]

    def follow(self, module: Module, name: str) -> tuple[Module, ast.stmt] | None:
        """Return the definition that a name leads to, and where it is; `None` outside of the package and crmkit."""
        while name not in module.defined:
            found = module.imports.get(name)
            if found is None or not found.name or found.module.partition(".")[0] in sys.stdlib_module_names:
                return None
            try:
                module, name = self[found.module], found.name
            except CrmError:
                return None
        return module, module.defined[name]

    def class_of(self, module: Module, name: str) -> Class | None:
        """Return the class that a name leads to."""
        found = self.follow(module, name)
        return Class(found[0], found[1]) if found and isinstance(found[1], ast.ClassDef) else None

    def bases(self, cls: Class) -> Iterator[tuple[str, Class | None]]:
        """Yield the bases of a class as they are written, with what they lead to; but not what only types it."""
        for base in cls.node.bases:
            name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
            imported = cls.module.imports.get(name)
            if imported is None or imported.module not in _ABSTRACT:
                yield name, self.class_of(cls.module, name)


def _place(name: str) -> Path:
    top, *rest = name.split(".")
    # Only the package at the top is looked up, as looking up any other would run the code above it.
    sound = all(each.isidentifier() for each in name.split("."))
    spec = PathFinder.find_spec(top, [str(Path.cwd()), *sys.path]) if sound else None
    if spec is None and sound:
        spec = importlib.util.find_spec(top)
    roots = [Path(each) for each in (spec.submodule_search_locations or ())] if spec else []
    places = [Path(spec.origin)] if spec and spec.origin and not rest else []
    for root in roots:
        place = root.joinpath(*rest)
        places += [place.with_suffix(".py"), place / "__init__.py"] if rest else []
    for place in places:
        if place.is_file() and place.suffix == ".py":
            return place
    raise BadFile(name, "there is no such module.", hint="Name it as an import would, from the folder where it is.")
