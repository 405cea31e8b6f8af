"""A pipeline that cannot work is refused when it is defined."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.entities import Customer, Opportunity
from crmkit.errors import BadDefinition
from crmkit.expr.build import f
from crmkit.lifecycle import Pipeline, Stage, back, forward, into, move, reopen
from crmkit.model.schema import schema_of
from crmkit.values import Money
from tests.lifecycle.deal import STANDARD, Deal, stages

OPEN = [Stage("a"), Stage("b")]
WON = Stage("won", outcome="won")
LOST = Stage("lost", outcome="lost")


def define(*, model=Deal, stages=(*OPEN, WON), moves=(forward(),), initial=None, name="p"):  # noqa: B008 - a rule is a constant
    return Pipeline(name, model, stages=stages, moves=moves, initial=initial)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: define(name=""), "the name of a pipeline needs 1 character or more."),
        (lambda: define(name=" p"), "the name of a pipeline, ' p', has blanks around it. Write 'p'."),
        (
            lambda: define(stages=[], moves=[]),
            "pipeline 'p' has no open stage. Add one without an outcome, as in Stage(\"new\").",
        ),
        (
            lambda: define(stages=[WON], moves=[], name="q"),
            "pipeline 'q' has no open stage. Add one without an outcome, as in Stage(\"new\").",
        ),
        (lambda: define(stages=["a", "b"]), "pipeline 'p': a stage is expected, not str. Write Stage(\"new\")."),
        (
            lambda: define(moves=forward()),
            "pipeline 'p': a rule is expected in a list, not alone. Write [forward()].",
        ),
        (lambda: define(stages=[*OPEN, Stage("a")]), "pipeline 'p' has two stages called 'a'. Rename one of them."),
        (
            lambda: define(stages=[Stage("a"), WON, Stage("b")]),
            "pipeline 'p' has the open stage 'b' after 'won', which is closed. List the open stages first.",
        ),
        (
            lambda: define(stages=[Stage("proposal"), WON], moves=[forward(), into("propsal")]),
            "pipeline 'p': into(\"propsal\") names the stage 'propsal', which is not there. Did you mean 'proposal'?",
        ),
        (
            lambda: define(moves=[forward(), move("a", "wno")]),
            "pipeline 'p': move(\"a\", \"wno\") names the stage 'wno', which is not there. Did you mean 'won'?",
        ),
        (
            lambda: define(stages=[Stage("a"), WON], moves=[forward(), back(1)]),
            "pipeline 'p': back(1) allows no move between these stages. Leave it out.",
        ),
        (
            lambda: define(stages=OPEN, moves=[forward(), reopen(role="boss")]),
            "pipeline 'p': reopen(role=\"boss\") allows no move between these stages. Leave it out.",
        ),
        (
            lambda: define(moves=[forward(), reopen(to="won")]),
            "pipeline 'p': reopen(to=\"won\") allows no move between these stages. Leave it out.",
        ),
        (lambda: define(initial="c"), "pipeline 'p' names the stage 'c', which is not there. There is: a, b, won."),
        (lambda: define(initial="won"), "pipeline 'p' begins at 'won', which is closed. Begin at an open stage."),
        (
            lambda: define(stages=[*OPEN, WON, LOST]),
            "pipeline 'p': no move leads from 'a' to 'lost'. Add a rule such as into('lost'), or leave the stage out.",
        ),
        (
            lambda: define(initial="b"),
            "pipeline 'p': no move leads from 'b' to 'a'. Add a rule such as into('a'), or leave the stage out.",
        ),
        (
            lambda: define(stages=[*OPEN, Stage("c", requires={"amuont"})]),
            "pipeline 'p': stage 'c' requires 'amuont', which deal has not. Did you mean 'amount'?",
        ),
        (
            lambda: define(stages=[*OPEN, Stage("c", guard=f.amuont > 1)]),
            "pipeline 'p': stage 'c' has a guard that does not fit: deal has no field 'amuont'. Did you mean 'amount'?",
        ),
        (
            lambda: define(moves=[forward(guard=f.amount > 1)]),
            "pipeline 'p': forward(guard=f.amount > 1) has a guard that does not fit: f.amount: is an amount without a "
            'currency. Write Money("1", "EUR"), with the currency meant.',
        ),
        (
            lambda: define(model=Customer),
            "pipeline 'p': customer moves through no pipeline. Let its class inherit Staged.",
        ),
        (lambda: define(model=int), "int is not a model. Declare it with @entity."),
        (
            lambda: Stage("c", locks="amount"),
            "stage 'c' locks the text 'amount'. Write locks={'amount'}.",
        ),
        (
            lambda: define(stages=[*OPEN, Stage("won", outcome="won", locks={"amuont"})]),
            "pipeline 'p': stage 'won' locks 'amuont', which deal has not. Did you mean 'amount'?",
        ),
        (
            lambda: define(stages=[*OPEN, Stage("won", outcome="won", locks={"closed_at"})]),
            "pipeline 'p': stage 'won' locks 'closed_at', which no update sets. Lock fields that callers change.",
        ),
        (
            lambda: define(stages=[*OPEN, Stage("won", outcome="won", locks={"stage"})]),
            "pipeline 'p': stage 'won' locks 'stage', which no update sets. Lock fields that callers change.",
        ),
        (
            lambda: Stage("c", guard=f.active),
            "stage 'c' has a guard that does not fit: f.active alone is not a test. "
            "Compare it, as in f.active == True.",
        ),
        (lambda: Stage("c", 101), "stage 'c' has the probability 101. Write a whole number from 0 to 100."),
        (lambda: Stage("c", -1), "stage 'c' has the probability -1. Write a whole number from 0 to 100."),
        (lambda: Stage("c", 0.5), "stage 'c' has the probability 0.5. Write a whole number from 0 to 100."),
        (lambda: Stage("c", 90, outcome="won"), "stage 'c' is won and has the probability 90. It is 100."),
        (lambda: Stage("c", 10, outcome="lost"), "stage 'c' is lost and has the probability 10. It is 0."),
        (lambda: Stage("c", outcome="wonn"), "stage 'c' has the outcome 'wonn'. Did you mean 'won'?"),
        (lambda: Stage("c", requires="amount"), "stage 'c' requires the text 'amount'. Write requires={'amount'}."),
        (lambda: Stage(None), "the name of a stage expects text, not NoneType."),
        (lambda: Stage("x" * 81), "the name of a stage has 81 characters, 80 at most."),
        (lambda: back(0), "back() goes 0 steps. Write a whole number from 1."),
        (lambda: back(-1), "back() goes -1 steps. Write a whole number from 1."),
        (lambda: forward(steps=0), "forward() goes 0 steps. Write a whole number from 1."),
        (lambda: move("a", "a"), 'move("a", "a") leads nowhere. Name two stages.'),
        (lambda: into(""), "the name of the stage of into() needs 1 character or more."),
    ],
)
def test_the_mistake_is_named(make, message):
    with pytest.raises(BadDefinition) as caught:
        make()
    assert str(caught.value) == message


def test_with_the_name_of_the_model_it_is_checked_later():
    pipeline = define(model="opportunity", stages=[*OPEN, Stage("c", requires={"title"})])
    with pytest.raises(BadDefinition, match="stage 'c' requires 'title', which opportunity has not"):
        pipeline.check(schema_of(Opportunity))
    with pytest.raises(BadDefinition, match="pipeline 'p' is one for opportunity, not for deal"):
        pipeline.check(schema_of(Deal))
    define(model="deal").check(schema_of(Deal))


def test_guards_and_roles_do_not_make_a_stage_unreachable():
    define(
        stages=[*OPEN, WON, LOST], moves=[forward(), move("a", "lost", role="boss", guard=f.amount > Money("1", "EUR"))]
    )


def test_a_stage_before_the_initial_one_may_be_reached_by_reopening():
    assert define(moves=[forward(), reopen()], initial="b").initial == "b"


def test_two_pipelines_that_say_the_same_are_equal():
    again = Pipeline(
        "standard",
        "deal",
        stages=stages(),
        moves=[forward(), back(1), into("lost"), reopen(role="manager")],
        initial="contact",
    )
    assert again == STANDARD
    assert hash(again) == hash(STANDARD)
    assert Stage("a", requires=["y", "x", "x"]) == Stage("a", requires={"x", "y"})
    assert define() != define(name="q")


def test_a_pipeline_cannot_be_changed():
    with pytest.raises(AttributeError):
        STANDARD.name = "other"
    with pytest.raises(AttributeError):
        STANDARD.stages[0].probability = 20


def test_stages_are_found_by_name():
    assert STANDARD.stage("won").outcome == "won"
    assert [STANDARD.position(stage.name) for stage in STANDARD.stages] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(BadDefinition) as caught:
        STANDARD.stage("need")
    assert str(caught.value) == "pipeline 'standard': There is no stage 'need'. Did you mean 'needs'?"


NAMES = ["a", "b", "c", "d", "won", "done", "lost"]
ENDS = [Stage("won", outcome="won"), Stage("done", outcome="done"), Stage("lost", outcome="lost")]
RULES = st.one_of(
    st.builds(forward, steps=st.sampled_from([None, 1, 2, 3])),
    st.builds(back, st.integers(1, 3)),
    st.builds(into, st.sampled_from(NAMES)),
    st.builds(reopen, to=st.sampled_from([None, *NAMES[:4]])),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))
    .filter(lambda ab: ab[0] != ab[1])
    .map(lambda ab: move(*ab)),
)


def within_reach(places, rules, initial):
    """Where records may get to, move by move, by the rules as they are."""
    known = {(initial, places[initial].position)}
    ahead = list(known)
    while ahead:
        name, furthest = ahead.pop()
        for goal in places.values():
            source = places[name]
            if goal is not source and any(rule.allows(source, goal, furthest) for rule in rules):
                entered = max(furthest, goal.position) if goal.stage.is_open else furthest
                new = (goal.stage.name, entered)
                if new not in known:
                    known.add(new)
                    ahead.append(new)
    return {name for name, _ in known}


@given(st.lists(RULES, min_size=1, max_size=5), st.sampled_from(NAMES[:4]))
@settings(max_examples=500)
def test_a_pipeline_is_refused_just_when_a_stage_is_out_of_reach(rules, initial):
    given_stages = [*(Stage(name) for name in NAMES[:4]), *ENDS]
    everywhere = [move(a, b) for a in NAMES for b in NAMES if a != b]
    places = Pipeline("p", "deal", stages=given_stages, moves=everywhere).places
    reached = within_reach(places, rules, initial)
    lost = [name for name in NAMES if name not in reached]
    if lost:
        with pytest.raises(BadDefinition, match=f"to {', '.join(map(repr, lost))}"):
            Pipeline("p", "deal", stages=given_stages, moves=rules, initial=initial)
    else:
        Pipeline("p", "deal", stages=given_stages, moves=rules, initial=initial)


def test_there_are_bounds_on_stages_and_rules():
    many = [*(Stage(f"s{number}") for number in range(100)), WON]
    with pytest.raises(BadDefinition, match="has 101 stages and 1 rules, 100 and 500 at most"):
        Pipeline("p", "deal", stages=many, moves=[forward()])
    with pytest.raises(BadDefinition, match="has 3 stages and 501 rules, 100 and 500 at most"):
        Pipeline("p", "deal", stages=[*OPEN, WON], moves=[forward(role=f"r{number}") for number in range(501)])
