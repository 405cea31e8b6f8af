"""What the team looks at."""

from __future__ import annotations

from crmkit import Funnel, Segment, f
from tests.stranger.lifts.house import PIPELINE

LARGE = Segment("large", "customer", (f.fleet_lifts >= 3) | (f.x_lots > 5), description="More than one visit.")
TAXED = Segment("taxed", "customer", ~f.vat_number.missing() & (f.vat_level == "high"))
FUNNEL = Funnel(PIPELINE, by=f.customer.fleet_state)


def board(s):
    """Return a page of open deals with their customers, two contacts each, and the warranties."""
    return s.opportunities.find(
        f.outcome == "open",
        order=f.name,
        include=[f.customer, f.customer.contacts.first(2, order=f.name), f.customer.warranties],
    )
