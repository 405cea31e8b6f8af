"""The blocking twins of awaited classes, as source: each call runs the awaited one to its end.

What a twin says is derived from annotations alone: `AsyncPlan` becomes `Plan`, an asynchronous generator an iterator,
an asynchronous context manager a context manager.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from crmkit.cli.generate.call import Call
from crmkit.cli.generate.layout import doc, import_lines, in_order, names
from crmkit.cli.generate.source import Class, Method, Module, Sources
from crmkit.cli.generate.words import AWAITED, ENTERING, KINDS, STEPS, WAITING, blocking_name, blocking_words
from crmkit.errors import BadDefinition

__all__ = ["Homes", "Twins", "twins_of"]

Homes = Callable[[str, str], str | None]
"""Returns the module in which the twin of a module's class stands, if it has one."""

RUNNERS: Final = "crmkit.crm.coroutine"


def twins_of(
    sources: Sources, module: str, homes: Homes, *, note: str, target: str, functions: Mapping[str, str] | None = None
) -> str:
    """Return the source of the twins of a module's public classes that begin with `Async`.

    Args:
        sources: where to read.
        module: the awaited module.
        homes: where other twins are.
        note: the comment at the top.
        target: the module that is written.
        functions: asynchronous functions that serve both faces, whose first argument says whether they are awaited;
            with what the blocking one is called.

    Raises:
        BadDefinition: a signature cannot be turned, or the module has no such class.
        BadFile: the module cannot be found, or is not Python.
    """
    return Twins(sources, sources[module], homes, target, functions or {}).text(note)


class Twins:
    """The twins of one module, as they are written one after the other."""

    def __init__(
        self, sources: Sources, module: Module, homes: Homes, target: str, functions: Mapping[str, str]
    ) -> None:
        self.sources = sources
        self.module = module
        self.homes = homes
        self.target = target
        self.functions = functions
        self.own = [name for name in module.public if name.startswith("Async") and name in module.defined]
        self.elsewhere: dict[str, str] = {}
        self.late: set[str] = set()
        self.variables: dict[str, str] = {}
        self.modules: dict[str, Module] = {module.name: module}

    def text(self, note: str) -> str:
        """Return the whole module."""
        if not self.own:
            raise BadDefinition(
                f"{self.module.name} has no public class whose name begins with Async.", hint="Name it in __all__."
            )
        blocks = [
            Call(self, self.module, self._function(name), called=new).lines() for name, new in self.functions.items()
        ]
        blocks += [self._class(Class(self.module, node)) for name in self.own if (node := self._class_node(name))]
        body = "\n\n\n".join("\n".join(lines) for lines in blocks)
        shown = in_order([*map(blocking_name, self.own), *self.functions.values()])
        listed = names("__all__ = ", [f'"{name}"' for name in shown])
        stated = [f'"""{self._title()}"""', "from __future__ import annotations"]
        imports = self._imports(body)
        variables = [self.variables[name] for name in sorted(self.variables) if re.search(rf"\b{name}\b", body)]
        parts = [*stated, *imports, "\n".join(listed), *(["\n".join(variables)] if variables else [])]
        return f"# {note}\n" + "\n\n".join(parts) + f"\n\n\n{body}\n"

    def _title(self) -> str:
        found = [f"`{name}`" for name in [*map(blocking_name, self.own), *self.functions.values()]]
        return f"{' and '.join(found)}, blocking: each call runs the awaited one to its end."

    def _function(self, name: str) -> Method:
        node = self.module.defined[name]
        if not isinstance(node, Method):
            raise BadDefinition(f"{self.module.name}.{name} is not a function.")
        return node

    def _class_node(self, name: str) -> ast.ClassDef | None:
        node = self.module.defined[name]
        return node if isinstance(node, ast.ClassDef) else None

    # -- a class -------------------------------------------------------------------------------------------------------

    def _class(self, cls: Class) -> list[str]:
        name, methods, kept = blocking_name(cls.node.name), self._methods(cls), self._kept(cls)
        variables = self._type_variables(cls)
        bases = [*(base for base, _ in kept), *([f"Generic[{', '.join(variables)}]"] if variables else [])]
        inner = cls.node.name + (f"[{', '.join(variables)}]" if variables else "")
        of = f"({', '.join(bases)})" if bases else ""
        taken = ["        self.__dict__ |= vars(inner)"] if any(stateful for _, stateful in kept) else []
        blocks = [
            [f"class {name}{of}:", *doc(blocking_words(ast.get_docstring(cls.node) or ""), "    ")],
            [f"    def __init__(self, inner: {inner}) -> None:", *taken, "        self._inner = inner"],
        ]
        shown = {member for member in methods if not member.startswith("_")}
        for member, (home, node) in methods.items():
            if member in shown or member in {*ENTERING, *WAITING} or _is_called(node):
                self.modules.setdefault(home.module.name, home.module)
                stubs = [Call(self, home.module, each, cls=cls).stub() for each in home.overloads(member)]
                made = Call(self, home.module, node, cls=cls, shown=shown).lines()
                blocks.append([*itertools.chain(*stubs), *made])
        return "\n\n".join("\n".join(block) for block in blocks).split("\n")

    def _methods(self, cls: Class) -> dict[str, tuple[Class, Method]]:
        found: dict[str, tuple[Class, Method]] = {}
        for _, base in self.sources.bases(cls):
            if base is not None and base.awaited:
                found |= self._methods(base)
        return found | {each.name: (cls, each) for each in cls.methods}

    def _kept(self, cls: Class) -> list[tuple[str, bool]]:
        """Return the bases that a twin has as well, with whether they keep something."""
        found: list[tuple[str, bool]] = []
        for name, base in self.sources.bases(cls):
            if base is not None and base.awaited:
                self.modules.setdefault(base.module.name, base.module)
                found += self._kept(base)
            else:
                found.append((KINDS.get(name, name), base is not None and base.stateful))
        return found

    def _type_variables(self, cls: Class) -> list[str]:
        found: list[str] = []
        for base in cls.node.bases:
            if isinstance(base, ast.Subscript):
                found += [each.id for each in ast.walk(base.slice) if isinstance(each, ast.Name)]
        return [name for name in dict.fromkeys(found) if self.variable(cls.module, name)]

    # -- names ---------------------------------------------------------------------------------------------------------

    def variable(self, module: Module, name: str) -> bool:
        """Return whether a name is a type variable, and remember it if so."""
        found = self.sources.follow(module, name)
        if found is None or not isinstance(found[1], ast.Assign):
            return False
        written = ast.unparse(found[1].value)
        if not written.startswith("TypeVar("):
            return False
        new = blocking_name(name)
        written = found[0].cut(found[1].value).replace(f'"{name}"', f'"{new}"')
        self.variables[new] = f"{new} = {written}"
        return True

    def renamed(self, module: Module, text: str) -> str:
        """Return an annotation with the twins in the place of the awaited classes."""
        return AWAITED.sub(lambda found: self._twin(module, found[0]), text)

    def _twin(self, module: Module, name: str) -> str:
        if name in KINDS or self.variable(module, name):
            return blocking_name(name)
        cls = self.sources.class_of(module, name)
        home = None if cls is None else self.homes(cls.module.name, name)
        if home is None:
            return name
        new = blocking_name(name)
        if home != self.target:
            self.elsewhere[new] = home
            if name not in module.defined and module.imports[name].late:
                self.late.add(new)
        return new

    # -- imports -------------------------------------------------------------------------------------------------------

    def _imports(self, body: str) -> list[str]:
        tree = ast.parse(body)
        used = _Names()
        used.visit(tree)
        here = {each.name for each in tree.body if isinstance(each, ast.ClassDef)} | set(dir(builtins))
        for name in used.late - here:
            any(self.variable(module, name) for module in self.modules.values())
        here |= set(self.variables)
        now, late = self._wanted(used.now - here), self._wanted(used.late - used.now - here)
        typing = late.pop("typing", set[str]())
        typing |= {"TYPE_CHECKING"} if late else set[str]()
        typing |= {"TypeVar"} if self.variables else set[str]()
        if typing:
            now["typing"] = now.get("typing", set[str]()) | typing
        own = self.target.partition(".")[0]
        blocks = ["\n".join(import_lines(now, own))] if now else []
        if late:
            blocks.append("\n".join(["if TYPE_CHECKING:", *import_lines(late, own, "    ")]))
        return blocks

    def _wanted(self, used: Iterable[str]) -> dict[str, set[str]]:
        wanted: dict[str, set[str]] = {}
        for name in used:
            home, written = self._origin(name)
            wanted.setdefault(home, set()).add(written)
        return wanted

    def _origin(self, name: str) -> tuple[str, str]:
        if name in self.elsewhere:
            return self.elsewhere[name], name
        if name in STEPS:
            return RUNNERS, name
        if name in {"Any", "Generic", "TypeVar", "overload"}:
            return "typing", name
        if name == "AbstractContextManager":
            return "contextlib", name
        for module in self.modules.values():
            if name in module.defined:
                return module.name, name
            for kind, new in KINDS.items():
                if new == name and kind in module.imports:
                    return module.imports[kind].module, name
            found = module.imports.get(name)
            if found is not None and not found.name:
                return found.module, f"= {name}" if name != found.module else ""
            if found is not None:
                return found.module, found.name + (f" as {name}" if name != found.name else "")
        raise BadDefinition(f"{self.module.name}: {name} is not defined at its top.", hint="Import it there.")


def _is_called(node: Method) -> bool:
    """Return whether it is a special method that is awaited, such as `async def __call__`."""
    return isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("__") and node.name.endswith("__")


class _Names(ast.NodeVisitor):
    """The names that a module needs: now, or late, in annotations alone."""

    def __init__(self) -> None:
        self.now: set[str] = set()
        self.late: set[str] = set()
        self._local: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in self._local:
            self.now.add(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        given = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
        for annotation in filter(None, [node.returns, *(each.annotation for each in given)]):
            self.late |= {each.id for each in ast.walk(annotation) if isinstance(each, ast.Name)}
        for each in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(each)
        inside = [each for statement in node.body for each in ast.walk(statement)]
        self._local = {each.arg for each in given}
        self._local |= {each.id for each in inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        self._local |= {each.name for each in inside if isinstance(each, ast.alias)}
        for statement in node.body:
            self.visit(statement)
        self._local = set()
