"""A pipeline prints itself."""

# ruff: noqa: E501 - one case is one line, with the whole message

from crmkit.expr.build import f
from crmkit.lifecycle import Pipeline, Stage, back, forward, into, move, reopen
from tests.lifecycle.deal import STANDARD


def test_the_diagram_groups_the_open_stages():
    assert (
        STANDARD.mermaid()
        == """\
stateDiagram-v2
    direction LR
    state "standard" as active {
        direction LR
        state "contact (10 #37;)" as s1
        state "needs (25 #37;)" as s2
        state "proposal (50 #37;)" as s3
        state "negotiation (75 #37;)" as s4
        [*] --> s1
        s1 --> s2: may skip
        s2 --> s3: may skip
        s3 --> s4: may skip
        s2 --> s1: back
        s3 --> s2: back
        s4 --> s3: back
    }
    state "won" as s5
    state "lost" as s6
    active --> s5
    active --> s6
    s5 --> active: reopen, as manager
    s6 --> active: reopen, as manager
    s5 --> [*]
    s6 --> [*]
"""
    )


def test_the_table_tells_what_each_stage_demands_and_where_it_leads():
    assert (
        STANDARD.table()
        == """\
| Stage | Probability | Outcome | Requires | Leads to |
| --- | ---: | --- | --- | --- |
| contact | 10 % | open |  | needs, proposal, negotiation, won, lost |
| needs | 25 % | open |  | contact, proposal, negotiation, won, lost |
| proposal | 50 % | open | amount | needs, negotiation, won, lost |
| negotiation | 75 % | open | f.amount > Money("100.00", "EUR") | proposal, won, lost |
| won | 100 % | won |  | contact (as manager), needs (as manager), proposal (as manager), negotiation (as manager) |
| lost | 0 % | lost | lost_reason | contact (as manager), needs (as manager), proposal (as manager), negotiation (as manager) |
"""
    )


ODD = Pipeline(
    'say "hi"; %% x',
    "deal",
    stages=[
        Stage("end"),
        Stage("a: b --> c", label="客户 | {x}\\"),
        Stage("<<fork>>", outcome="won"),
        Stage("[*]", outcome="lost"),
    ],
    moves=[
        forward(steps=1, role="a;b"),
        back(2, guard=f.title == "x\n|"),
        into("end"),
        into("[*]"),
        reopen(to="end"),
        move("end", "<<fork>>"),
    ],
)


def test_odd_names_cannot_break_the_diagram():
    # Read and accepted by Mermaid 11: outside letters and a few harmless marks, everything is a numbered character.
    assert (
        ODD.mermaid()
        == """\
stateDiagram-v2
    direction LR
    state "say #34;hi#34;#59; #37;#37; x" as active {
        direction LR
        state "end" as s1
        state "客户 #124; #123;x#125;#92;" as s2
        [*] --> s1
        s1 --> s2: as a#59;b
        s2 --> s1: back, up to 2, if f.title == #34;x#92;n#124;#34;
        s2 --> s1
    }
    state "#60;#60;fork#62;#62;" as s3
    state "#91;#42;#93;" as s4
    s2 --> s3: as a#59;b
    active --> s4
    s3 --> s1: reopen
    s4 --> s1: reopen
    s1 --> s3
    s3 --> [*]
    s4 --> [*]
"""
    )


def test_odd_names_cannot_break_the_table():
    assert (
        ODD.table()
        == """\
| Stage | Probability | Outcome | Requires | Leads to |
| --- | ---: | --- | --- | --- |
| end | 0 % | open |  | 客户 \\| {x}\\\\ (as a;b), <<fork>>, [*] |
| 客户 \\| {x}\\\\ | 0 % | open |  | end, <<fork>> (as a;b), [*] |
| <<fork>> | 100 % | won |  | end |
| [*] | 0 % | lost |  | end |
"""
    )
