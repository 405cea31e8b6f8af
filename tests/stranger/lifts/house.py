"""What the team itself makes of crmkit: a model, rules, steps, a pipeline."""

from __future__ import annotations

import datetime as dt

from crmkit import (
    OPPORTUNITY,
    Activity,
    Contact,
    Customer,
    Message,
    Money,
    Move,
    Opportunity,
    Refusal,
    Stage,
    Task,
    advance,
    day,
    entity,
    f,
    integer,
    reopen,
    rule,
    text,
)


@entity(extends=Customer, indexes=(("x_lots",),))
class Site(Customer):
    """A customer with a building."""

    industry: str | None = text(default=None, max=300, replaces="industry", doc="All branches, with commas between.")
    x_lots: int = integer(default=1, min=1)
    x_built: dt.date | None = day(default=None)
    x_key_safe: str | None = text(default=None, max=20)

    def __attrs_post_init__(self) -> None:
        if self.x_built is not None and self.x_built.year < 1850:
            raise ValueError("there were no lifts then.")


# -- rules -------------------------------------------------------------------------------------------------------------


def growing(before, after, actor, s):
    """Let deals shrink for managers only."""
    if before is None or before.amount is None or after.amount is None or "manager" in actor.roles:
        return None
    return Refusal("A deal only grows.", fields=["amount"]) if after.amount < before.amount else None


async def awaited_growing(before, after, actor, s):
    """Do the same for those who await."""
    return growing(before, after, actor, s)


def rules(*, awaited: bool = False) -> dict:
    """Return the rules on what crmkit brings along."""
    return {
        Opportunity: [
            rule(
                "Big deals need a contact.",
                refuse=(f.amount > Money(100_000, "EUR")) & f.contact_id.missing(),
                on=["contact_id"],
                code="lifts_no_contact",
                hint="Name somebody.",
            ),
            rule(
                "A customer has at most three open deals.",
                refuse=f.customer.opportunities.count(f.outcome == "open") > 3,
            ),
            rule("What is won stays won.", was=f.outcome == "won", refuse=f.outcome != "won", on=["stage"]),
            rule("growing", check=awaited_growing if awaited else growing),
        ],
        Contact: [rule("Say how to reach them.", refuse=f.email.missing() & f.phone.missing(), on=["email", "phone"])],
        Customer: [rule("Nobody owns half a town.", refuse=f.x_lots > 500, on=["x_lots"])],
    }


PROTECT = {
    Customer: [rule("Close its deals first.", refuse=f.opportunities.any(f.outcome == "open"), code="lifts_busy")],
    Activity: [rule("Calls are kept.", refuse=f.kind == "call")],
}

# -- the pipeline ------------------------------------------------------------------------------------------------------

PIPELINE = (
    OPPORTUNITY.with_stage(Stage("survey", 40, label="Survey on site"), after="needs")
    .with_guard("won", f.customer.contacts.any(f.role == "decision_maker"))
    .with_requirement("proposal", "amount", "customer.tax_number")
    .with_lock("won", "amount")
    .with_move(reopen(role="manager"))
    .without_move(reopen())
    .with_label("won", "Signed")
)

# -- steps -------------------------------------------------------------------------------------------------------------


def somebody_calls(s, move: Move):
    """Refuse a survey that nobody prepares."""
    if move.target == "survey" and not move.record.next_step and "hurry" not in move.data:
        return Refusal("Say what comes next.", code="lifts_next_step", fields=["next_step"])
    return None


def _task(move: Move) -> Task:
    return Task(subject=f"{move.record.name}: {move.target}", opportunity_id=move.record.id)


def list_a_task(s, move: Move):
    """List what is to be done for whoever surveys."""
    if move.target == "survey":
        s.tasks.add(_task(move))


async def awaited_list_a_task(s, move: Move):
    """Do the same for those who await."""
    if move.target == "survey":
        await s.tasks.add(_task(move))


def anything_goes(s, move: Move):
    """Let every move pass, while the old system's data are put in order."""


signed = Message("lifts.signed", lambda move: {"name": move.record.name} if move.record.outcome == "won" else None)


def steps(*, awaited: bool = False) -> tuple:
    """Return the handlers of the house."""
    return (
        advance.before("check", somebody_calls),
        advance.after("write", awaited_list_a_task if awaited else list_a_task),
        advance.after_commit("write", signed),
    )


TIDYING = (advance.replace("check", anything_goes),)
