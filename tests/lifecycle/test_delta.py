"""Deltas change one thing of a pipeline, leave the given one alone, and name what does not fit."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import BadDefinition
from crmkit.expr.build import everything, f, nothing
from crmkit.lifecycle import Pipeline, Stage, back, forward, into, move, reopen
from crmkit.lifecycle.built_in import BUILT_IN, LEAD, OPPORTUNITY, TICKET
from crmkit.values import Money
from tests.lifecycle.deal import STANDARD, START, deal

BIG = f.amount > Money("5", "EUR")


def names(pipeline):
    return [stage.name for stage in pipeline.stages]


def test_a_product_changes_a_built_in_pipeline_step_by_step():
    ours = (
        OPPORTUNITY.with_stage(Stage("audit", 60), after="proposal")
        .with_move(reopen(role="manager"))
        .without_move(reopen())
        .with_guard("won", BIG)
        .with_requirement("won", "close_date")
        .with_lock("won", "amount")
        .with_label("won", "Gewonnen")
    )
    won = ours.stage("won")
    assert names(ours) == ["contact", "needs", "proposal", "audit", "negotiation", "won", "lost"]
    assert ours.moves == (forward(), back(3), into("lost"), reopen(role="manager"))
    assert (won.guard, won.requires, won.locks, won.title) == (BIG, ("close_date",), ("amount",), "Gewonnen")
    assert (ours.name, ours.entity, ours.initial) == ("opportunity", "opportunity", "contact")
    assert Pipeline.from_json(ours.to_json()) == ours
    assert Pipeline.from_json(OPPORTUNITY.to_json()) == OPPORTUNITY
    assert "audit" not in OPPORTUNITY.places


def test_a_stage_comes_before_or_after_another_with_the_rules_that_lead_to_it():
    assert names(LEAD.with_stage(Stage("triage"), before="contacted"))[:3] == ["new", "triage", "contacted"]
    void = OPPORTUNITY.with_stage(Stage("void", outcome="lost"), into("void"), after="lost")
    assert names(void)[-2:] == ["lost", "void"]
    triage = TICKET.with_stage(Stage("triage"), before="new", initial=True)
    assert (triage.initial, triage.position("triage")) == ("triage", 1)
    assert OPPORTUNITY.with_stage(Stage("first"), before="contact").initial == "contact"


def test_a_stage_goes_with_the_rules_that_name_it():
    shorter = OPPORTUNITY.without_stage("lost").without_stage("negotiation")
    assert names(shorter) == ["contact", "needs", "proposal", "won"]
    assert shorter.moves == (forward(), back(3), reopen())


def test_guards_add_up_and_each_gives_its_own_reason():
    twice = STANDARD.with_guard("won", BIG).with_guard("won", f.title == "x")
    assert twice.why_not(deal(), "won", at=START) == (
        '\'won\' demands f.amount > Money("5.00", "EUR").',
        "'won' demands f.title == \"x\".",
    )
    assert twice == STANDARD.with_guard("won", BIG & (f.title == "x"))


def test_a_rule_goes_by_value_or_by_the_stages_that_it_names():
    assert TICKET.with_move(move("closed", "waiting")).without_move("closed", "waiting") == TICKET
    assert TICKET.with_move(move("closed", "waiting")).without_move(move("closed", "waiting")) == TICKET


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda: OPPORTUNITY.with_stage(Stage("audit"), after="need"),
            "with_stage('audit') does not fit pipeline 'opportunity': it has no stage 'need'. Did you mean 'needs'?",
        ),
        (
            lambda: OPPORTUNITY.with_stage(Stage("needs"), after="contact"),
            "with_stage('needs') does not fit pipeline 'opportunity': it has a stage of that name itself. "
            "Drop the delta, or name the stage differently.",
        ),
        (
            lambda: OPPORTUNITY.with_stage(Stage("audit")),
            "with_stage('audit') needs one place. Write after= or before=, and the stage beside it.",
        ),
        (
            lambda: OPPORTUNITY.with_stage("audit", after="needs"),
            'a stage is expected, not str. Write Stage("audit", 40).',
        ),
        (
            lambda: OPPORTUNITY.with_stage(Stage("void", outcome="lost"), after="lost"),
            "with_stage('void') does not fit pipeline 'opportunity': no move leads from 'contact' to 'void'. "
            "Add a rule such as into('void'), or leave the stage out.",
        ),
        (
            lambda: OPPORTUNITY.with_stage(Stage("late"), after="won"),
            "with_stage('late') does not fit pipeline 'opportunity': it has the open stage 'late' after 'won', which "
            "is closed. List the open stages first.",
        ),
        (
            lambda: OPPORTUNITY.without_stage("ned"),
            "without_stage('ned') does not fit pipeline 'opportunity': it has no stage 'ned'. Did you mean 'needs'?",
        ),
        (
            lambda: OPPORTUNITY.without_stage("contact"),
            "without_stage('contact') does not fit pipeline 'opportunity': records enter there. "
            "Let them enter elsewhere first: with_stage(..., initial=True).",
        ),
        (
            lambda: OPPORTUNITY.without_stage("won"),
            "without_stage('won') does not fit pipeline 'opportunity': then no record can be won or done. "
            "Leave it a stage to win in.",
        ),
        (
            lambda: OPPORTUNITY.with_guard("won", BIG & nothing),
            "with_guard('won') does not fit pipeline 'opportunity': then no record can be won or done. "
            "Leave it a stage to win in.",
        ),
        (
            lambda: OPPORTUNITY.without_move(forward()),
            "without_move(forward()) does not fit pipeline 'opportunity': no move leads from 'contact' to 'needs', "
            "'proposal', 'negotiation', 'won'. Add a rule such as into('needs'), or leave the stage out.",
        ),
        (
            lambda: OPPORTUNITY.without_move(reopen(role="boss")),
            "without_move(reopen(role=\"boss\")) does not fit pipeline 'opportunity': it has no such rule. "
            'There is: forward(), back(3), into("lost"), reopen().',
        ),
        (
            lambda: OPPORTUNITY.without_move("contact", "won"),
            "without_move('contact', 'won') does not fit pipeline 'opportunity': it has no such rule. "
            'There is: forward(), back(3), into("lost"), reopen().',
        ),
        (
            lambda: OPPORTUNITY.with_move(into("lst")),
            "with_move(into(\"lst\")) does not fit pipeline 'opportunity': into(\"lst\") names the stage 'lst', which "
            "is not there. Did you mean 'lost'?",
        ),
        (
            lambda: OPPORTUNITY.with_move(reopen()),
            "with_move(reopen()) does not fit pipeline 'opportunity': it has reopen() itself. Drop the delta.",
        ),
        (
            lambda: OPPORTUNITY.with_guard("one", BIG),
            "with_guard('one') does not fit pipeline 'opportunity': it has no stage 'one'. Did you mean 'won'?",
        ),
        (
            lambda: OPPORTUNITY.with_guard("won", f.amount),
            "with_guard('won') has a guard that does not fit: f.amount alone is not a test. "
            "Compare it, as in f.amount == True.",
        ),
        (
            lambda: STANDARD.with_requirement("won", "amuont"),
            "with_requirement('won', 'amuont') does not fit pipeline 'standard': stage 'won' requires 'amuont', which "
            "deal has not. Did you mean 'amount'?",
        ),
        (
            lambda: STANDARD.with_lock("won", "stage"),
            "with_lock('won', 'stage') does not fit pipeline 'standard': stage 'won' locks 'stage', which no update "
            "sets. Lock fields that callers change.",
        ),
        (
            lambda: STANDARD.with_label("won", " "),
            "with_label('won', ' ') does not fit pipeline 'standard': the name of stage 'won', label, ' ', has blanks "
            "around it. Write ''.",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_the_delta(change, message):
    with pytest.raises(BadDefinition) as caught:
        change()
    assert str(caught.value) == message


class TestTheNextVersion:
    """A product's deltas meet the next version of what they were written against."""

    @staticmethod
    def ours(given):
        return (
            given.with_stage(Stage("audit", 60), after="proposal").with_guard("won", BIG).with_move(move("won", "lost"))
        )

    def test_they_apply_where_what_they_name_is_still_there(self):
        later = OPPORTUNITY.with_stage(Stage("demo", 30), after="needs").with_label("proposal", "Offer")
        assert names(self.ours(later)) == [
            "contact", "needs", "demo", "proposal", "audit", "negotiation", "won", "lost"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("later", "conflict"),
        [
            (lambda: OPPORTUNITY.without_stage("proposal"), "with_stage('audit') does not fit.*no stage 'proposal'"),
            (
                lambda: OPPORTUNITY.with_stage(Stage("audit"), after="needs"),
                "with_stage('audit').*a stage of that name",
            ),
            (lambda: OPPORTUNITY.with_move(move("won", "lost")), 'with_move(move("won", "lost")).*itself'),
            (
                lambda: OPPORTUNITY.with_stage(Stage("closed", outcome="won"), after="won").without_stage("won"),
                "with_guard('won').*no stage 'won'",
            ),
        ],
    )
    def test_or_the_conflict_is_named(self, later, conflict):
        pattern = conflict.replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(BadDefinition, match=pattern):
            self.ours(later())


CHANGES = st.sampled_from([
    lambda p, at: p.with_stage(Stage("extra"), after=at),
    lambda p, at: p.with_stage(Stage("extra"), before=at, initial=True),
    lambda p, at: p.without_stage(at),
    lambda p, at: p.with_move(into(at)),
    lambda p, at: p.with_move(move(p.initial, at)),
    lambda p, _: p.without_move(p.moves[-1]),
    lambda p, at: p.with_guard(at, everything),
    lambda p, at: p.with_guard(at, nothing),
    lambda p, at: p.with_label(at, "Other"),
])  # fmt: skip


@given(st.sampled_from(BUILT_IN), st.data())
def test_whatever_is_derived_is_sound_and_leaves_what_it_came_from(pipeline, data):
    text = pipeline.to_json()
    derived = pipeline
    for change in data.draw(st.lists(CHANGES, max_size=6)):
        try:
            derived = change(derived, data.draw(st.sampled_from(sorted(derived.places))))
        except BadDefinition as error:
            assert "does not fit pipeline" in str(error) or "leads nowhere" in str(error)  # noqa: PT017 - not refusing is as good
    assert attrs.evolve(derived) == derived
    assert Pipeline.from_json(derived.to_json()) == derived
    assert any(stage.outcome in {"won", "done"} for stage in derived.stages)
    assert pipeline.to_json() == text
