"""A capability of the team's own: what is under warranty, and what is claimed of it."""

from __future__ import annotations

from crmkit import Capability, Message, Move, Personal, Refusal, advance
from tests.stranger.lifts.warranty.model import Warranty, WarrantyClaim

AWAITED = "tests.stranger.lifts.warranty.warranties:AsyncWarranties"


def no_warranty_for_nobody(s, move: Move):
    """Refuse to sign a deal of which nobody would have the warranty."""
    if move.kind == "advance" and move.target == "won" and move.record.customer_id is None:
        return Refusal("Name the customer.", code="warranty_nobody", fields=["customer_id"])
    return None


signed = Message("warranties.due", lambda move: {"customer": str(move.record.customer_id)} if _won(move) else None)


def _won(move: Move) -> bool:
    return move.record.outcome == "won"


warranties = Capability(
    "warranties",
    AWAITED,
    entities=(Warranty, WarrantyClaim),
    version="1.4",
    needs=["analytics"],
    contracts={"capability": 1, "operation": 1, "expression": 1, "event": 1},
    steps=[advance.before("check", no_warranty_for_nobody), advance.after_commit("write", signed)],
    events=["warranties.due"],
    permissions=["warranties.settle"],
    personal=[Personal(WarrantyClaim, erases={"words"}, exports={"words", "cost"})],
)
