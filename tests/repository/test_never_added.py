"""Records that were never added: whoever would change or move one is told so, before anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crmkit import BadRecord, Lead, connect, system

CHANGES: dict[str, Callable[[Any, Lead], object]] = {
    "update": lambda leads, lead: leads.update(lead, name="b"),
    "delete": lambda leads, lead: leads.delete(lead),
    "restore": lambda leads, lead: leads.restore(lead),
    "advance": lambda leads, lead: leads.advance(lead, "qualified"),
    "transfer": lambda leads, lead: leads.transfer(lead, stage="new"),
    "why_not": lambda leads, lead: leads.why_not(lead, "qualified"),
    "allowed_moves": lambda leads, lead: leads.allowed_moves(lead),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_says_that_the_record_was_never_added(store_url: str, name: str) -> None:
    with connect(store_url) as crm, crm.session(system("test")) as s:
        with pytest.raises(BadRecord) as caught:
            CHANGES[name](s.leads, Lead(name="a"))
        assert str(caught.value).startswith("lead refused: the record was never added. Add it, and go on with")
        assert [problem.code for problem in caught.value.problems] == ["not_added"]
        assert s.leads.count() == 0
