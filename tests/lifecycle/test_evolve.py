"""`attrs.evolve` makes changed pipelines, stages and rules, and checks them like new ones."""

import attrs
import pytest

from crmkit.errors import BadDefinition
from crmkit.lifecycle import Pipeline, Stage, back, forward, into, move
from tests.lifecycle.deal import STANDARD, Deal

MOVES = [forward()]


@pytest.mark.parametrize(
    "part", [STANDARD, *STANDARD.stages, *STANDARD.moves], ids=lambda part: getattr(part, "text", "") or part.name
)
def test_without_changes_it_is_equal(part):
    assert attrs.evolve(part) == part


def test_a_changed_pipeline_keeps_everything_else():
    larger = attrs.evolve(STANDARD, name="larger", stages=[Stage("lead"), *STANDARD.stages], initial=None)
    assert (larger.name, larger.initial, larger.entity) == ("larger", "lead", "deal")
    assert larger.position("won") == STANDARD.position("won") + 1
    assert larger.model is Deal


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda: attrs.evolve(STANDARD, name=""), "the name of a pipeline needs 1 character or more."),
        (
            lambda: attrs.evolve(STANDARD, initial="won"),
            "pipeline 'standard' begins at 'won', which is closed. Begin at an open stage.",
        ),
        (
            lambda: attrs.evolve(STANDARD, stages=[Stage("contact"), Stage("x", requires={"amuont"})], moves=MOVES),
            "pipeline 'standard': stage 'x' requires 'amuont', which deal has not. Did you mean 'amount'?",
        ),
        (
            lambda: attrs.evolve(Stage("won", outcome="won"), outcome="lost"),
            "stage 'won' is lost and has the probability 100. It is 0.",
        ),
        (
            lambda: attrs.evolve(Stage("a"), locks="amount"),
            "stage 'a' locks the text 'amount'. Write locks={'amount'}.",
        ),
        (lambda: attrs.evolve(back(1), steps=0), "back() goes 0 steps. Write a whole number from 1."),
        (lambda: attrs.evolve(into("a"), steps=2), "into() takes no steps. Leave it out."),
        (lambda: attrs.evolve(forward(), target="a"), "forward() takes no target. Leave it out."),
        (lambda: attrs.evolve(move("a", "b"), target="a"), 'move("a", "a") leads nowhere. Name two stages.'),
    ],
)  # fmt: skip
def test_a_change_is_checked(changed, message):
    with pytest.raises(BadDefinition) as caught:
        changed()
    assert str(caught.value) == message


def test_a_change_of_the_model_is_checked_too():
    with pytest.raises(BadDefinition, match="int is no"):
        attrs.evolve(STANDARD, model=int)
    assert attrs.evolve(STANDARD, model="deal") == STANDARD


def test_every_mistake_of_a_document_is_listed_with_its_path():
    text = STANDARD.to_json().replace('"probability":25', '"probability":250').replace('"role"', '"roel"')
    text = text.replace('"initial":"contact",', "")
    with pytest.raises(BadDefinition) as caught:
        Pipeline.from_json(text)
    assert [(each.field, each.message) for each in caught.value.problems] == [
        ("$", "lacks the key 'initial'."),
        ("$.stages[1].probability", "must lie between 0 and 100."),
        ("$.moves[3]", "has the unknown key 'roel'."),
    ]
    assert str(caught.value) == (
        "$ lacks the key 'initial'. It needs: version, name, entity, stages, moves, initial.; "
        "$.stages[1].probability must lie between 0 and 100.; "
        "$.moves[3] has the unknown key 'roel'. Did you mean 'role'?"
    )
