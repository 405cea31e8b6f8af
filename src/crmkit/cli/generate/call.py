"""One call of a twin: its signature as it is written, and the awaited call run to its end."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from copy import deepcopy
from typing import TYPE_CHECKING

from crmkit.cli.generate.layout import call, doc
from crmkit.cli.generate.source import Method
from crmkit.cli.generate.words import AWAITED, ENTERING, STEPS, WAITING, blocking_words
from crmkit.errors import BadDefinition

if TYPE_CHECKING:
    from crmkit.cli.generate.source import Class, Module
    from crmkit.cli.generate.twin import Twins

__all__ = ["Call"]

_PROPERTIES = {"property", "cached_property"}
_STEPPED = ("AsyncIterator[", "AsyncIterable[", "AsyncGenerator[", "AbstractAsyncContextManager[")
_RETURNS = {"__aenter__": "Self", "__aiter__": "AsyncIterator[int]"}
_DEFERRED = re.compile(r"\b(Awaitable|Coroutine)\b")


class Call:
    """One method of a twin, or a function that serves both faces."""

    def __init__(
        self, twins: Twins, module: Module, node: Method, *,
        cls: Class | None = None, shown: Iterable[str] = (), called: str = "",
    ) -> None:  # fmt: skip
        self.twins = twins
        self.module = module
        self.node = node
        self.shown = {*shown} - {node.name}
        self.indent = "    " if cls else ""
        self.where = f"{cls.node.name}.{node.name}" if cls else node.name
        self.called = called or ENTERING.get(node.name, node.name)
        self.head = f"self._inner.{node.name}" if cls else node.name
        self.marks = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
        if not (node.args.posonlyargs or node.args.args) or self.marks & {"classmethod", "staticmethod", "setter"}:
            raise self._refusal("is not a method of an instance")
        self._check()

    def _check(self) -> None:
        """Refuse what a twin could only get wrong."""
        node = self.node
        if node.name in WAITING:
            raise self._refusal("has no blocking form", WAITING[node.name])
        if node.returns is None:
            example = "AsyncIterator[int]" if _yields(node) else _RETURNS.get(node.name, "None")
            raise self._refusal("does not say what it returns", f'Annotate it, as in "-> {example}".')
        written = self.module.annotation(node.returns)
        if isinstance(node, ast.AsyncFunctionDef) and _yields(node) and not written.startswith(_STEPPED[:3]):
            fact = f"yields, but says that it returns {written}"
            raise self._refusal(fact, 'Annotate it, as in "-> AsyncIterator[int]".')
        if _DEFERRED.search(written):
            raise self._refusal(f"returns {written}, which must be awaited", 'Make it an "async def".')
        if isinstance(node, ast.AsyncFunctionDef) and "cached_property" in self.marks:
            raise self._refusal("is an asynchronous cached property", "Make it a method: it can be awaited once only.")

    def stub(self) -> list[str]:
        """Return one of several signatures of the method."""
        ends = f" -> {self._returns()}: ..."
        return [f"{self.indent}@overload", *call("def ", [f"{self.called}("], self._parameters(), ends, self.indent)]

    def _returns(self) -> str:
        return self.twins.renamed(self.module, self.module.annotation(self.node.returns)) or "None"

    def lines(self) -> list[str]:
        """Return the method as it stands in the twin."""
        returns = self._returns()
        if "asynccontextmanager" in self.marks:
            returns = re.sub(r"^(Iterator|Generator)\b", "AbstractContextManager", returns)
        return [
            *([f"{self.indent}@property"] if self.marks & _PROPERTIES else []),
            *call("def ", [f"{self.called}("], self._parameters(), f" -> {returns}:", self.indent),
            *doc(blocking_words(ast.get_docstring(self.node) or ""), f"{self.indent}    "),
            *self._body(returns),
        ]

    def _parameters(self) -> list[str]:
        given = self.node.args
        plain = [*given.posonlyargs, *given.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
        parts = [self._parameter(each, default) for each, default in zip(plain, defaults, strict=True)]
        if given.posonlyargs:
            parts.insert(len(given.posonlyargs), "/")
        if given.vararg:
            parts.append("*" + self._parameter(given.vararg, None))
        elif given.kwonlyargs:
            parts.append("*")
        parts += [self._parameter(*each) for each in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
        parts += [f"**{self._parameter(given.kwarg, None)}"] if given.kwarg else []
        return parts if self.indent else parts[1 + (len(given.posonlyargs) == 1) :]

    def _parameter(self, argument: ast.arg, default: ast.expr | None) -> str:
        written = self.module.annotation(argument.annotation)
        typed = self.twins.renamed(self.module, written)
        if _DEFERRED.search(written) or (typed != written and not self._variables(written)):
            raise self._refusal(f"takes {argument.arg}: {written}, which must be awaited")
        if argument.arg in STEPS:
            raise self._refusal(f"takes an argument called {argument.arg!r}, which its twin needs itself")
        shown = f"{argument.arg}: {typed}" if typed else argument.arg
        value = "" if default is None else self.module.cut(default)
        return shown + (f" = {value}" if typed and value else f"={value}" if value else "")

    def _variables(self, written: str) -> bool:
        return all(self.twins.variable(self.module, name) for name in AWAITED.findall(written))

    def _arguments(self) -> list[str]:
        given = self.node.args
        parts = [] if self.indent else ["False"]
        parts += [each.arg for each in [*given.posonlyargs, *given.args][1:]]
        parts += [f"*{given.vararg.arg}"] if given.vararg else []
        parts += [f"{each.arg}={each.arg}" for each in given.kwonlyargs]
        return parts + ([f"**{given.kwarg.arg}"] if given.kwarg else [])

    def _body(self, returns: str) -> list[str]:
        indent = f"{self.indent}    "
        given, heads = self._arguments(), [f"{self.head}("]
        if self.marks & _PROPERTIES:
            given, heads = [self.head], []
        if self.module.annotation(self.node.returns).startswith(_STEPPED):
            step = "step_into(" if returns.startswith("Abstract") else "step_through("
            return self._unrolled() or call("return ", [self._plain(returns, step), *heads], given, "", indent)
        if isinstance(self.node, ast.AsyncFunctionDef):
            heads.insert(0, "run(")
        if returns == "None":
            return call("", heads, given, "", indent)
        if returns == "Self":
            entering = self.node.name in ENTERING
            done = call(
                "" if entering else "return ", heads if entering else ["type(self)(", *heads], given, "", indent
            )
            return [*done, f"{indent}return self"] if entering else done
        found = self._wrapped(returns)
        heads = [found, *heads] if found else heads
        return [*self._lazy(found), *call("return ", heads, given, "", indent)]

    def _plain(self, returns: str, step: str) -> str:
        written = self.module.annotation(self.node.returns)
        inside, found = written.partition("[")[2], returns.partition("[")[2]
        if inside != found:
            raise self._refusal(f"returns {written}, in which something must be awaited")
        return step

    def _wrapped(self, returns: str) -> str:
        """Return the call by which a result becomes its twin; blank if it is given on as it is."""
        written = self.module.annotation(self.node.returns)
        if returns == written:
            return ""
        name = returns.partition("[")[0]
        if name in self.twins.variables:  # a class was given, and what it makes is wanted
            return f"blocking({next(each.arg for each in self.node.args.args[1:] if self._mentions(each, name))}, "
        if not re.fullmatch(r"\w+(\[.*\])?", returns) or not AWAITED.match(written):
            raise self._refusal(f"returns {written}, in which something must be awaited")
        return f"{name}("

    def _mentions(self, argument: ast.arg, name: str) -> bool:
        return f"Async{name}" in self.module.annotation(argument.annotation)

    def _lazy(self, found: str) -> list[str]:
        name = found.removesuffix("(")
        home = self.twins.elsewhere.get(name)
        return [f"        from {home} import {name}", ""] if home and name in self.twins.late else []

    def _unrolled(self) -> list[str]:
        """Return the loop itself, where it waits for the twin's own calls only: that is faster than stepping it."""
        body = self.node.body[1:] if ast.get_docstring(self.node) else self.node.body
        nodes = [each for statement in body for each in ast.walk(statement)]
        own = [each for each in nodes if _is_own(each, self.shown)]
        waits = [each.iter for each in nodes if isinstance(each, ast.AsyncFor)]
        selves = sum(isinstance(each, ast.Name) and each.id == "self" for each in nodes)
        texts = any(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in nodes)
        others = any(isinstance(each, ast.Await | ast.AsyncWith | ast.comprehension) for each in nodes)
        if texts or others or not waits or selves != len(own) or not all(each in own for each in waits):
            return []
        parts = (_Unroll().visit(deepcopy(part)) for part in body)
        text = "\n".join(ast.unparse(ast.fix_missing_locations(part)) for part in parts)
        return [f"        {line}" for line in text.splitlines()]

    def _refusal(self, fact: str, hint: str = "Such a call has no blocking form yet.") -> BadDefinition:
        return BadDefinition(f"{self.module.path}:{self.node.lineno}: {self.where} {fact}.", hint=hint)


class _Unroll(ast.NodeTransformer):
    """Takes the waiting out of a body."""

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self.visit_For(ast.For(node.target, node.iter, node.body, node.orelse))

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        inner = node.body[0]
        if (
            len(node.body) == 1
            and not node.orelse
            and isinstance(inner, ast.Expr)
            and isinstance(inner.value, ast.Yield)
        ):
            value = inner.value.value
            if isinstance(value, ast.Name) and isinstance(node.target, ast.Name) and value.id == node.target.id:
                return ast.Expr(ast.YieldFrom(node.iter))
        return node


def _yields(node: ast.AST) -> bool:
    """Return whether a function is a generator itself, whatever the functions inside it are."""
    inner = [each for each in ast.iter_child_nodes(node) if not isinstance(each, Method | ast.Lambda | ast.ClassDef)]
    return any(isinstance(each, ast.Yield | ast.YieldFrom) or _yields(each) for each in inner)


def _is_own(node: ast.AST, shown: set[str]) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == "self"
        and called.attr in shown
    )
