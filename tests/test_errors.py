"""Errors travel: between processes, and into logs."""

from __future__ import annotations

import copy
import pickle
from uuid import UUID

import pytest

from crmkit.errors import (
    BadFile,
    BadMapping,
    BadRecord,
    CrmError,
    Duplicate,
    MoveRefused,
    NotFound,
    Problem,
    Stale,
    near,
)

ERRORS = [
    NotFound("there is no customer.", hint="Add one."),
    Problem("blank", "is blank.", hint="Write it.", field="name"),
    BadRecord("customer", [Problem("blank", "is blank.", field="name")]),
    BadMapping([Problem("blank", "is blank.", field="file[1]")]),
    BadFile("a.csv", "ends in the middle.", record=7),
    MoveRefused("new", "won", ["No rule leads there."], hint="Go on."),
    Stale("customer", UUID(int=1), 1, 2),
    Duplicate("customer", ["name"]),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_whole_on_the_other_side_of_a_process(error: CrmError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_a_hint_is_given_for_anything_in_place_of_a_name() -> None:
    assert near(5, ["a", "b"]) == "There is: a, b."
