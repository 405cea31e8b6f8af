"""A pipeline is stored as one canonical text, and read back only if it is sound."""

# ruff: noqa: E501 - one case is one line, with the whole message

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import BadDefinition
from crmkit.expr.build import f
from crmkit.lifecycle import Pipeline, Stage, back, forward, into, move, reopen
from crmkit.lifecycle.built_in import BUILT_IN
from crmkit.values import Money
from tests.lifecycle.deal import STANDARD

SMALL = Pipeline(
    "small",
    "deal",
    stages=[
        Stage("a", 10, label="A!"),
        Stage("won", outcome="won", requires={"amount"}, guard=f.amount > Money("1", "EUR")),
    ],
    moves=[forward(steps=1, role="rep")],
)
TEXT = (
    '{"entity":"deal","initial":"a","moves":[{"role":"rep","rule":"forward","steps":1}],"name":"small",'
    '"stages":[{"label":"A!","name":"a","probability":10},{"guard":{"version":1,"where":'
    '{"field":["amount"],"node":"compare","op":">","value":{"currency":"EUR","money":"1.00"}}},'
    '"name":"won","outcome":"won","probability":100,"requires":["amount"]}],"version":1}'
)


def test_the_text_is_canonical():
    assert SMALL.to_json() == TEXT
    assert Pipeline.from_json(json.dumps(json.loads(TEXT), indent=2)).to_json() == TEXT


@pytest.mark.parametrize("pipeline", [SMALL, STANDARD, *BUILT_IN], ids=lambda pipeline: pipeline.name)
def test_it_comes_back_equal(pipeline):
    again = Pipeline.from_json(pipeline.to_json())
    assert again == pipeline
    assert again.fingerprint() == pipeline.fingerprint()


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10).filter(
    lambda t: t == t.strip()
)
GUARDS = st.sampled_from([None, f.amount > Money("1", "EUR"), ~f.title.missing(), f.tasks.none(f.done == False)])  # noqa: E712


@st.composite
def pipelines(draw):
    names = draw(st.lists(NAMES, min_size=3, max_size=7, unique=True))
    middle = draw(st.integers(2, len(names) - 1))
    opened = [
        Stage(name, draw(st.integers(0, 100)), guard=draw(GUARDS), requires=draw(st.sets(NAMES, max_size=2)))
        for name in names[:middle]
    ]
    closed = [
        Stage(name, outcome=draw(st.sampled_from(["won", "lost", "done"])), locks=draw(st.sets(NAMES, max_size=2)))
        for name in names[middle:]
    ]
    role = st.one_of(st.none(), NAMES)
    rules = [
        forward(steps=draw(st.one_of(st.none(), st.integers(1, 3))), role=draw(role), guard=draw(GUARDS)),
        *(into(stage.name, role=draw(role)) for stage in closed),
    ]
    extra = [
        back(draw(st.integers(1, 4))),
        reopen(role=draw(role)),
        reopen(to=names[0]),
        move(names[0], names[-1], guard=draw(GUARDS)),
    ]
    some = draw(st.lists(st.sampled_from(extra), max_size=3))
    return Pipeline(draw(NAMES), draw(NAMES), stages=[*opened, *closed], moves=[*rules, *some])


@given(pipelines())
def test_every_pipeline_comes_back_equal(pipeline):
    assert Pipeline.from_json(pipeline.to_json()) == pipeline


def test_the_fingerprint_changes_with_the_content():
    assert len(SMALL.fingerprint()) == 64
    other = Pipeline("small", "deal", stages=[Stage("a", 11, label="A!"), SMALL.stages[1]], moves=SMALL.moves)
    assert other.fingerprint() != SMALL.fingerprint()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"version":1}', '"version":2}', "$.version is 2, and this crmkit reads version 1. Upgrade crmkit."),
        ('"initial":"a",', "", "$ lacks the key 'initial'. It needs: version, name, entity, stages, moves, initial."),
        ('"initial":"a"', '"initial":"b"', "$ is refused: pipeline 'small' names the stage 'b', which is not there. There is: a, won."),
        ('"outcome":"won"', '"outcome":"open"', "$.stages[1].outcome is the text 'open', which is not known here. There is: done, lost, won."),
        ('"probability":10}', '"probability":101}', "$.stages[0].probability must lie between 0 and 100."),
        ('"rule":"forward"', '"rule":"froward"', "$.moves[0].rule is the text 'froward', which is not known here. There is: back, forward, into, move, reopen."),
        ('"rule":"forward"', '"rule":"back"', "$ is refused: pipeline 'small': back(1, role=\"rep\") allows no move between these stages. Leave it out."),
        ('"rule":"forward"', '"rule":"into"', "$.moves[0] has the unknown key 'steps'. There is: guard, role, rule, target.; $.moves[0] lacks the key 'target'. It needs: rule, target."),
        ('"rule":"forward","steps":1', '"rule":"into"', "$.moves[0] lacks the key 'target'. It needs: rule, target."),
        ('"steps":1', '"steps":0', "$.moves[0].steps must lie between 1 and 100."),
        ('"op":">"', '"op":"like"', "$.stages[1].guard.where.op is the text 'like', which is not known here. There is: !=, <, <=, ==, >, >=."),
        ('"requires":["amount"]', '"requires":"amount"', "$.stages[1].requires is the text 'amount', where a list belongs."),
        (TEXT, "[]", "$ is a list, where an object belongs."),
        (TEXT, "{", "$ is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_text_is_refused_at_its_place(old, new, message):
    assert old in TEXT
    with pytest.raises(BadDefinition) as caught:
        Pipeline.from_json(TEXT.replace(old, new))
    assert str(caught.value) == message


def test_a_guard_that_cannot_be_stored_is_refused():
    odd = Pipeline("odd", "deal", stages=[Stage("a"), Stage("b", guard=f.amount > 1.5)], moves=[forward()])
    with pytest.raises(BadDefinition) as caught:
        odd.to_json()
    assert str(caught.value) == (
        '$.stages[1].guard.where.value holds float, which is not a value here. Write Decimal("...") or a whole number.'
    )


@given(st.data())
def test_no_damaged_text_raises_anything_else(data):
    text = data.draw(st.sampled_from([TEXT, STANDARD.to_json()]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 10)))
    damaged = text[:start] + data.draw(st.sampled_from(["", "1", '"', "null", "{}", "[", "x", "\\ud800"])) + text[end:]
    try:
        Pipeline.from_json(damaged)
    except BadDefinition as error:
        assert str(error)  # noqa: PT017 - not refusing is as good
