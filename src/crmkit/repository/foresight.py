"""Foresight: whether an expression that follows relations would hold of a record that is not written yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.node import Always, And, Counts, Node, Not, Or, Quantifier, Reaches, Ref
from crmkit.repository.claim import same_id

if TYPE_CHECKING:
    from crmkit.repository.judge import Judge

__all__ = ["holds"]


class _Alone:
    """The world of a record that leads to no other."""

    def related(self, record: Any, relation: str) -> tuple[()]:  # noqa: ARG002 - what evaluate() asks for
        return ()


class _UnknownError(Exception):
    """A record links to one that is not stored yet."""


_ALONE: Final = _Alone()


async def holds(node: Node, record: Any, judge: Judge, *, new: bool) -> bool:
    """Return whether an expression would hold of a record, given the related ones as they are stored.

    It does not if that cannot be known, as the record links to one that is yet to be written.

    Args:
        node: the expression, without placeholders.
        record: the record as it would be.
        judge: the judge of its model.
        new: whether it is not stored yet, so that nothing leads to it.
    """
    try:
        return await _holds(node, record, judge, new=new)
    except _UnknownError:
        return False


async def _holds(node: Node, record: Any, judge: Judge, *, new: bool) -> bool:
    match node:
        case Always():
            return node.value
        case And():
            return all([await _holds(item, record, judge, new=new) for item in node.items])
        case Or():
            return any([await _holds(item, record, judge, new=new) for item in node.items])
        case Not():
            return not await _holds(node.item, record, judge, new=new)
        case _ if is_local(node, judge.schema):
            return evaluate(node, record)
        case _:
            pass
    first, *rest = node.ref.path
    relation = judge.relations[first]
    if relation.many:
        return evaluate(node, record, world=_ALONE) if new else bool(await judge.where(node, [0], [record.id]))
    link = getattr(record, relation.local)
    if link is None:
        return evaluate(node, record, world=_ALONE)
    beyond = judge.beyond(relation)
    found = await beyond.door.records((same_id(link),), action=None)
    if not found:
        raise _UnknownError
    if rest:
        return await _holds(attrs.evolve(node, ref=Ref(tuple(rest))), found[0], beyond, new=False)
    return await _reached(node, found[0], beyond)


async def _reached(node: Node, other: Any, judge: Judge) -> bool:
    """Return whether an expression about the one record that a link leads to holds."""
    if isinstance(node, Counts):
        return bool(node.op.apply(int(await _holds(node.where, other, judge, new=False)), node.number))
    return isinstance(node, Reaches) and (
        await _holds(node.where, other, judge, new=False) is not (node.quantifier is Quantifier.NONE)
    )
