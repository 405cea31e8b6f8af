"""The pipelines that come with crmkit; each is an ordinary definition, to be used or replaced."""

from __future__ import annotations

from typing import Final

from crmkit.lifecycle.pipeline import Pipeline
from crmkit.lifecycle.rule import back, forward, into, move, reopen
from crmkit.lifecycle.stage import Stage

__all__ = ["BUILT_IN", "CAMPAIGN", "LEAD", "OPPORTUNITY", "TICKET"]

OPPORTUNITY: Final = Pipeline(
    "opportunity",
    "opportunity",
    stages=[
        Stage("contact", 10, label="First contact"),
        Stage("needs", 25, label="Needs analysis"),
        Stage("proposal", 50, label="Proposal"),
        Stage("negotiation", 75, label="Negotiation"),
        Stage("won", 100, outcome="won", label="Won"),
        Stage("lost", 0, outcome="lost", requires={"lost_reason"}, label="Lost"),
    ],
    moves=[forward(), back(3), into("lost"), reopen()],
)
"""A deal: forward with skips, back, lost for a reason, reopened by anyone who may change it."""

LEAD: Final = Pipeline(
    "lead",
    "lead",
    stages=[
        Stage("new", 5, label="New"),
        Stage("contacted", 15, label="Contacted"),
        Stage("qualified", 40, label="Qualified"),
        Stage("converted", 100, outcome="won", label="Converted"),
        Stage("disqualified", 0, outcome="lost", requires={"lost_reason"}, label="Disqualified"),
    ],
    moves=[forward(), back(2), into("disqualified"), reopen()],
)
"""A lead: qualified step by step, then converted, or given up for a reason."""

TICKET: Final = Pipeline(
    "ticket",
    "ticket",
    stages=[
        Stage("new", label="New"),
        Stage("open", label="Open"),
        Stage("waiting", label="Waiting for the customer"),
        Stage("solved", outcome="done", label="Solved"),
        Stage("closed", outcome="done", label="Closed"),
    ],
    moves=[forward(), move("waiting", "open"), move("solved", "closed"), reopen(to="open")],
)
"""A ticket: open or waiting, in turns, until solved; solved may be closed for good, and both may be reopened."""

CAMPAIGN: Final = Pipeline(
    "campaign",
    "campaign",
    stages=[
        Stage("planned", label="Planned"),
        Stage("active", label="Active"),
        Stage("completed", outcome="done", label="Completed"),
        Stage("cancelled", outcome="lost", label="Cancelled"),
    ],
    moves=[forward(steps=1), back(1), into("cancelled"), reopen(to="planned")],
)
"""A campaign: planned, active, completed; cancelled at any time, and taken up again from the plan."""

BUILT_IN: Final = (OPPORTUNITY, LEAD, TICKET, CAMPAIGN)
"""Every pipeline that comes with crmkit, each named after its model."""
