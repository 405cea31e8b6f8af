"""Labels: what people read, whose words they are, and what is read where nobody worded it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crmkit import (
    Actor,
    BadDefinition,
    BadRecord,
    Campaign,
    Contact,
    Customer,
    Duplicate,
    Labels,
    Lead,
    MoveRefused,
    NotFound,
    Opportunity,
    Pipeline,
    Problem,
    Record,
    Refused,
    Stage,
    Staged,
    Stale,
    Team,
    Ticket,
    aconnect,
    choice,
    connect,
    entity,
    extend,
    forward,
    integer,
    into,
    text,
)
from crmkit.lifecycle.built_in import OPPORTUNITY, TICKET


@entity()
class Vehicle(Record):
    """Something with wheels.

    Only what is driven.
    """

    plate: str = text(max=12, doc="What is painted on it.")
    fuel_type: str = choice("petrol", "plug_in", default="petrol")
    region: str | None = text(default=None, doc="Where it is parked.")


@entity(extends=Customer)
class Client(Customer):
    """Somebody we serve."""

    shoe_size: int | None = integer(default=None, doc="In French units.")
    employees: int | None = integer(default=None, min=0, doc="Heads, apprentices included.", replaces="employees")


def test_a_record_is_called_what_its_readers_call_it() -> None:
    zh, en = Labels("zh-Hans-CN"), Labels("en-GB")
    assert [zh.model(each) for each in (Customer, Contact, Lead, Opportunity, Ticket, Campaign)] == [
        "客户", "联系人", "线索", "商机", "工单", "营销活动",
    ]  # fmt: skip
    assert (en.model(Opportunity), en.plural("opportunity")) == ("Opportunity", "Opportunities")
    assert (zh.field(Customer, "owner_id"), en.field(Customer, "owner_id")) == ("负责人", "Owner")
    assert zh.help(Customer, "size") == "企业的规模。"
    assert en.help(Customer, "size") == "The size of the organisation."
    assert en.help(Team).startswith("A group of users")
    assert (zh.choice(Customer, "size", "small"), en.choice("customer", "size", "small")) == ("小型", "Small")
    assert (zh.stage(OPPORTUNITY, "won"), zh.stage(Opportunity, "lost"), en.stage("ticket", "waiting")) == (
        "赢单", "输单", "Waiting for the customer",
    )  # fmt: skip


def test_one_word_means_different_things_in_different_records() -> None:
    zh = Labels("zh")
    assert (zh.field(Contact, "name"), zh.field(Customer, "name")) == ("姓名", "名称")
    assert (zh.choice(Lead, "outcome", "won"), zh.choice(Opportunity, "outcome", "won")) == ("已转化", "赢单")


def test_the_first_language_that_is_spoken_is_used() -> None:
    assert Labels("tlh", "zh-TW", "en").model(Customer) == "客户"
    assert Labels("tlh", "zh-TW", "en").language == "zh"
    assert Labels("tlh").model(Customer) == "Customer"
    assert Labels().language == "en"
    with pytest.raises(Problem, match="'../../etc' is not the tag of a language"):
        Labels("../../etc")


def test_what_is_not_there_has_no_label() -> None:
    with pytest.raises(BadDefinition, match="customer has no field 'siz'. Did you mean 'size'"):
        Labels("zh").field(Customer, "siz")
    with pytest.raises(BadDefinition, match="there is no model 'custmer'. Did you mean 'customer'"):
        Labels("zh").help("custmer", "size")
    with pytest.raises(BadDefinition, match="nothing to label under 'model.vehicle'"):
        Labels("zh").model(Vehicle)
    with pytest.raises(BadDefinition, match="There is no stage 'wonn'"):
        Labels("zh").stage(TICKET, "wonn")


# -- a product's own ---------------------------------------------------------------------------------------------------


def test_a_products_model_needs_no_catalogue() -> None:
    with connect("memory://", models=[Vehicle]) as crm:
        labels = crm.labels("zh")
    assert (labels.model(Vehicle), labels.plural(Vehicle), labels.help(Vehicle)) == (
        "Vehicle", "Vehicles", "Something with wheels.",
    )  # fmt: skip
    assert labels.field(Vehicle, "fuel_type") == "Fuel type"
    assert labels.help(Vehicle, "plate") == "What is painted on it."
    assert labels.help(Vehicle, "fuel_type") == ""
    assert labels.choice(Vehicle, "fuel_type", "plug_in") == "Plug in"
    # What every record has is worded already. A field that is only called as one of another model is not.
    assert labels.field(Vehicle, "created_at") == "创建时间"
    assert labels.help(Vehicle, "region") == "Where it is parked."


def test_a_model_that_extends_another_keeps_its_words_and_explains_what_it_changed() -> None:
    loyalty = extend(Customer, by="acme", fields={"points": integer(default=0, doc="Points earned.")})
    with connect(
        "memory://", models=[Client], extensions=[loyalty], extra={Client: {"pet": text(default=None, doc="A dog?")}}
    ) as crm:
        labels = crm.labels("zh")
    assert (labels.model(Client), labels.model(Customer)) == ("客户", "客户")
    assert labels.help(Client) == "Somebody we serve."
    assert (labels.field(Client, "employees"), labels.help(Client, "size")) == ("员工人数", "企业的规模。")
    assert labels.help(Client, "employees") == "Heads, apprentices included."
    assert (labels.field(Client, "shoe_size"), labels.field(Customer, "points")) == ("Shoe size", "Points")
    assert (labels.field(Client, "extra.pet"), labels.help(Client, "extra.pet")) == ("Pet", "A dog?")


def test_a_products_pipeline_says_what_its_stages_are_called() -> None:
    deal = Pipeline(
        "enterprise",
        "opportunity",
        stages=[
            Stage("pilot_phase"),
            Stage("won", outcome="won", label="Won"),
            Stage("lost", outcome="lost", label="Gone"),
        ],
        moves=[forward(), into("lost")],
    )
    with connect("memory://", pipelines=[deal], labels={"zh": {"stage.opportunity.enterprise.lost": "没了"}}) as crm:
        labels = crm.labels("zh")
    assert labels.stage(deal, "pilot_phase") == labels.stage(Opportunity, "pilot_phase") == "Pilot phase"
    assert labels.stage(deal, "won") == "赢单"
    assert labels.stage(deal, "lost") == "没了"
    assert labels.stage(Opportunity, "lost") == "Gone"
    assert labels.stage(Opportunity, "of_old") == "Of old"


# -- errors, events, roles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "chinese"),
    [
        (NotFound("there is no customer 7."), "记录不存在，或您无权查看。"),
        (Stale("customer", UUID(int=1), 1, 2), "客户：该记录已被他人修改，请刷新后重新操作。"),
        (Duplicate("contact", ["email", "customer_id"]), "联系人：邮箱和客户与其他记录重复。"),
        (Duplicate("spaceship", ["warp_speed"]), "Spaceship：Warp speed与其他记录重复。"),
        (BadRecord("lead", [Problem("too_long", "is long.")]), "线索：部分内容不符合要求。"),
        (MoveRefused("new", "won", ["No rule leads there."]), "记录不能进入该阶段。"),
        (Problem("too_long", "has 7 characters, 5 at most.", field="name"), "文本过长。"),
        (Problem("bad_iban", "is not an IBAN."), "is not an IBAN."),
    ],
)
def test_an_error_is_told_in_the_readers_language(error: Any, chinese: str) -> None:
    assert Labels("zh").error(error) == chinese


def test_a_code_alone_is_told_too() -> None:
    assert Labels("zh").error("naive_datetime") == "时间缺少时区。"
    assert Labels("zh").error("bad_iban") == "Bad iban"


def test_a_refusal_of_the_hosts_own_says_what_it_said() -> None:
    class CreditUsedUp(Refused):
        code = "credit_used_up"

    error = CreditUsedUp("The credit is used up.")
    assert Labels("zh").error(error) == "The credit is used up."
    assert Labels("zh", words={"zh": {"error.credit_used_up": "信用额度已用完。"}}).error(error) == "信用额度已用完。"


def test_what_happened_is_told_with_the_models_own_name() -> None:
    assert Labels("zh").event("customer.updated") == "已修改客户"
    assert Labels("en").event("stage_move.added") == "Stage change added"
    assert Labels("en").event("loyalty.points_earned") == "Loyalty points earned"
    own = Labels("en", words={"en": {"model.customer": "Guest", "event.lead.moved": "{model} called back"}})
    assert (own.event("customer.deleted"), own.event("lead.moved")) == ("Guest deleted", "Lead called back")


def test_roles_are_called_what_the_tenant_calls_them() -> None:
    assert Labels("zh").role("rep") == "rep"
    assert Labels("zh", words={"zh": {"role.rep": "销售代表"}}).role("rep") == "销售代表"


# -- own words ---------------------------------------------------------------------------------------------------------

HOST = {
    "zh": {"field.customer.size": "规模等级", "field.name": "名字"},
    "en": {"model.customer": "Guest", "choice.campaign.kind.trade_show": "Trade show"},
    "de": {"model.customer": "Kunde"},
}
TENANTS = {"north": {"zh-CN": {"field.customer.size": "体量"}}, "south": {"zh-TW": {"field.customer.size": "規模"}}}


def test_a_tenants_words_come_before_the_hosts_and_those_before_the_shipped_ones() -> None:
    with connect("memory://", labels=HOST, tenant_labels=lambda tenant: TENANTS.get(tenant, {})) as crm:
        assert crm.labels("zh", tenant="north").field(Customer, "size") == "体量"
        assert crm.labels("zh-Hans", tenant=Actor(tenant="south").tenant).field(Customer, "size") == "规模等级"
        assert crm.labels("zh-TW", tenant="south").field(Customer, "size") == "規模"
        assert crm.labels("zh").field(Customer, "size") == "规模等级"
        assert crm.labels("zh").field(Contact, "name") == "名字"  # the host words all of them
        assert crm.labels("zh").choice(Campaign, "kind", "trade_show") == "Trade show"
        assert (crm.labels("de-AT").model(Customer), crm.labels("de").model(Lead)) == ("Kunde", "Lead")
        assert crm.labels("de").language == "de"


async def _awaited() -> str:
    async with aconnect("memory://", labels=HOST) as crm:
        return crm.labels("de").model(Customer)


def test_both_faces_have_labels() -> None:
    import asyncio

    assert asyncio.run(_awaited()) == "Kunde"


def test_words_may_stand_in_a_folder_of_catalogues(tmp_path: Path) -> None:
    (tmp_path / "pt_BR.po").write_text('msgid "model.customer"\nmsgstr "Cliente"\n', encoding="utf-8")
    with connect("memory://", labels=tmp_path) as crm:
        assert crm.labels("pt").model(Customer) == "Cliente"
    with pytest.raises(BadDefinition, match="there are no catalogues in"):
        connect("memory://", labels=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"zh": {"field.customer.siz": "规模"}}, "labels.zh.field.customer.siz .*Did you mean 'field.customer.size'"),
        ({"zh": {"model.custmer": "客户"}}, "Did you mean 'model.customer'"),
        ({"zh": {"choice.customer.size.smal": "小"}}, "Did you mean 'choice.customer.size.small'"),
        ({"zh": {"stage.opportunity.wonn": "赢"}}, "Did you mean 'stage.opportunity.won'"),
        ({"zh": {"event.customer.update": "改"}}, "Did you mean 'event.customer.updated'"),
        ({"zh": {"nonsense": "x"}}, "There is: choice, error, event"),
        ({"zh": {7: "x"}}, "nothing to label under '7'"),
        ({"zh": {"model.customer": ""}}, "labels.zh.model.customer needs 1 character or more"),
        ({"zh": {"model.customer": 7}}, "expects text, not int"),
        ({"zh": {"event.updated": "{modle}"}}, "has a place for {modle}, which is not filled in. There is: {model}."),
        ({"zh": {"error.not_found": "{id}"}}, "has a place for {id}, which is not filled in. Leave it out."),
        ({"no tag": {}}, "'no tag' is not the tag of a language"),
        ({7: {}}, "an object of type int is not the tag"),
        ({"zh": "客户"}, "labels are texts by language and id, not str"),
        (["zh"], "labels are texts by language and id, not list"),
    ],
)
def test_words_for_what_is_not_there_are_refused(words: Any, message: str) -> None:
    with pytest.raises(BadDefinition, match=message):
        connect("memory://", labels=words)
    with connect("memory://") as crm, pytest.raises(BadDefinition, match=message):
        crm.check_labels(words)


def test_everything_that_is_wrong_is_listed() -> None:
    with pytest.raises(BadDefinition) as caught:
        connect("memory://", labels={"zh": {"model.x": "1"}, "de": {"field.y": "2", "model.lead": "Kontakt"}})
    assert [problem.field for problem in caught.value.problems] == ["labels.zh.model.x", "labels.de.field.y"]


def test_a_tenants_words_outlive_what_they_named() -> None:
    # They were checked when they were saved; a package that has gone since must not keep pages from being shown.
    with connect("memory://", tenant_labels=lambda _: {"zh": {"field.customer.points": "积分"}}) as crm:
        assert crm.labels("zh").model(Customer) == "客户"
    with pytest.raises(BadDefinition, match="a function of the tenant is expected, not dict"):
        connect("memory://", tenant_labels=TENANTS)  # type: ignore[arg-type]


# -- the extra ---------------------------------------------------------------------------------------------------------


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_babel_is_loaded_by_those_who_ask_for_labels() -> None:
    program = "import sys, crmkit; crm = crmkit.connect('memory://'); print('babel' in sys.modules)"
    assert run(program) == "False\n"
    assert run(f"{program}; crm.labels('zh'); print('babel' in sys.modules)") == "False\nTrue\n"


@pytest.mark.parametrize(
    "call", ["Labels('zh')", "connect('memory://').labels()", "connect('memory://', labels={'zh': {}})"]
)
def test_without_babel_labels_say_what_to_install(call: str) -> None:
    program = f"""
import sys
sys.modules["babel"] = None
from crmkit import Labels, Unsupported, connect
try: {call}
except Unsupported as error: print(error)
"""
    assert run(program) == 'labels are read by Babel, which is not installed. Run: pip install "crmkit[labels]"\n'


# -- every id ----------------------------------------------------------------------------------------------------------

MODELS: list[Callable[[Labels, Any], str]] = [Labels.model, Labels.plural, Labels.help]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_part_of_every_built_in_model_reads_well(language: str) -> None:
    from crmkit.entities import BUILT_IN
    from crmkit.model.schema import schema_of

    labels = Labels(language)
    for model in BUILT_IN:
        assert all(call(labels, model) for call in MODELS)
        for name, field in schema_of(model).fields.items():
            assert labels.field(model, name)
            assert labels.help(model, name).endswith((".", "。"))
            if language == "zh":
                assert not labels.help(model, name).isascii()
                assert labels.field(model, name) == "ID" or not labels.field(model, name).isascii()
            for word in getattr(field, "choices", ()):
                assert labels.choice(model, name, word).isascii() == (language == "en")


def test_what_every_staged_record_has_is_worded_for_a_products_own() -> None:
    @entity()
    class Project(Staged):
        """A project."""

    with connect("memory://", models=[Project]) as crm:
        labels = crm.labels("zh")
    assert (labels.field(Project, "stage"), labels.choice(Project, "outcome", "won")) == ("阶段", "赢单")
    assert labels.help(Project, "outcome") == "当前阶段的含义：进行中，或以何种方式结束。"
