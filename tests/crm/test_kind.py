"""A kind of field of a product's own: declared in its code, used through the public face, on every store."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given

from crmkit import (
    BadDefinition,
    BadExpression,
    BadRecord,
    Crm,
    Problem,
    Record,
    TextField,
    connect,
    count,
    declare,
    entity,
    evaluate,
    f,
    system,
)
from crmkit.entities import BUILT_IN
from crmkit.model.catalog import Catalog
from crmkit.model.schema import schema_of
from crmkit.testing import values

job = system("test")
ACME, BETA, CORP = "DE89370400440532013000", "FR1420041010050500013M02606", "GB82WEST12345698765432"


class IbanField(TextField):
    """An International Bank Account Number, held without blanks and in capitals."""

    word = "IBAN"

    def normal(self, text: str) -> str:
        return "".join(text.split()).upper()

    def accept(self, value: Any) -> str:
        iban = super().accept(value)
        if not iban.isascii() or not iban.isalnum() or _rest(iban) != 1:
            raise Problem("bad_iban", "is not an IBAN: its check digits are wrong.", hint="Copy it once more.")
        return iban

    def example(self, rng: Random) -> str:
        account = f"{rng.randrange(10**18):018}"
        return f"DE{98 - _rest(f'DE00{account}'):02}{account}"

    def reader(self, spelling: Any) -> Callable[[str], Any]:
        return lambda text: self.clean(text.removeprefix("IBAN"))

    def encode(self, value: str) -> str:
        return " ".join(value[place : place + 4] for place in range(0, len(value), 4))

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "iban"}


def _rest(iban: str) -> int:
    return int("".join(str(int(each, 36)) for each in iban[4:] + iban[:4])) % 97


@entity()
class Account(Record):
    """A bank account."""

    holder: str = declare(TextField(max=40))
    iban: str = declare(IbanField(min=15, max=34, search=True, index=True))
    former: str | None = declare(IbanField(max=34), default=None)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, models=[Account]) as crm:
        with crm.session(job) as s:
            accounts = s.repository(Account)
            accounts.add(Account(holder="Beta", iban="fr14 2004 1010 0505 0001 3m02 606"))
            accounts.add(Account(holder="Acme", iban=ACME, former=BETA))
            accounts.add(Account(holder="Corp", iban=CORP))
        yield crm


def holders(crm: Crm, where: Any, **more: Any) -> list[str]:
    with crm.session(job) as s:
        return [each.holder for each in s.repository(Account).find(where, **more)]


def test_a_value_is_held_in_its_normal_form(crm: Crm) -> None:
    with crm.session(job) as s:
        assert {each.iban for each in s.repository(Account).find()} == {ACME, BETA, CORP}


def test_a_wrong_value_is_refused_with_everything_else_that_is_wrong() -> None:
    with pytest.raises(BadRecord) as caught:
        Account(holder="x" * 41, iban=ACME[:-1] + "1", former="")
    assert [problem.code for problem in caught.value.problems] == ["too_long", "bad_iban", "bad_iban"]
    assert "iban: is not an IBAN: its check digits are wrong. Copy it once more." in str(caught.value)


def test_expressions_compare_with_the_normal_form(crm: Crm) -> None:
    assert holders(crm, f.iban == "de89 3704 0044 0532 0130 00") == ["Acme"]
    assert holders(crm, f.iban.one_of(ACME, "gb82 west 1234 5698 7654 32"), order=f.iban) == ["Acme", "Corp"]
    assert holders(crm, f.iban.starts_with("gb82 we")) == ["Corp"]
    assert holders(crm, f.iban.contains("WEST 1")) == ["Corp"]
    assert holders(crm, f.iban > "F", order=-f.iban) == ["Corp", "Beta"]
    assert holders(crm, f.former.missing() & (f.iban != CORP)) == ["Beta"]
    with pytest.raises(BadExpression, match="expects text, not int"):
        holders(crm, f.iban == 7)


def test_records_are_grouped_and_updated_by_it(crm: Crm) -> None:
    with crm.session(job) as s:
        accounts = s.repository(Account)
        groups = accounts.tally(by=f.former, n=count())
        assert [(group.key, group["n"]) for group in groups] == [((BETA,), 1), ((None,), 2)]
        corp = accounts.find(f.iban == CORP)[0]
        assert accounts.update(corp, iban="DE89 3704 0044 0532 0130 00").iban == ACME
        with pytest.raises(BadRecord, match="check digits are wrong"):
            accounts.update(corp, iban="DE88370400440532013000")


def test_files_are_read_by_its_own_rule(crm: Crm, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"No,Holder,Account\n1,Delta,IBAN de89 3704 0044 0532 0130 00\n2,Bad,{ACME}1\n")
    fields = {"holder": "Holder", "iban": "Account"}
    mapping = {
        "source": "legacy",
        "zone": "UTC",
        "file": [{"path": "a.csv", "into": "account", "id": "No", "fields": fields}],
    }
    run = crm.imports(job).plan(mapping, folder=tmp_path).apply()
    assert [problem.code for problem in run.problems] == ["bad_iban"]
    assert holders(crm, (f.iban == ACME) & (f.holder == "Delta")) == ["Delta"]


def test_python_reads_expressions_on_it_as_the_stores_do() -> None:
    account = Account(holder="Acme", iban=ACME)
    for where in (f.iban == "de89 3704 0044 0532 0130 00", f.iban.starts_with("de 89"), f.iban.one_of(f"{ACME} ")):
        assert evaluate(where, account)
    assert not evaluate(f.iban != "de89 3704 0044 0532 0130 00", account)


class SkuField(TextField):
    """A number of an article: a text with a check, and without another form."""

    word = "SKU"

    def accept(self, value: Any) -> str:
        sku = super().accept(value)
        if not sku.isdigit():
            raise Problem("bad_sku", "is not an SKU: it has digits only.")
        return sku


def test_end_users_can_add_fields_of_a_kind_without_a_normal_form(store_url: str) -> None:
    with connect(store_url, extra={Account: {"sku": declare(SkuField(), default=None)}}, models=[Account]) as crm:
        with crm.session(job) as s:
            s.repository(Account).add(Account(holder="Eve", iban=ACME, extra={"sku": "0815"}))
            with pytest.raises(BadRecord, match=r"extra.sku: is not an SKU"):
                s.repository(Account).add(Account(holder="Eve", iban=ACME, extra={"sku": "O815"}))
        assert holders(crm, f.extra["sku"] == "0815") == ["Eve"]
    with pytest.raises(BadDefinition, match="account.extra.second: an added field is a plain text"):
        connect("memory://", extra={Account: {"second": declare(IbanField(), default=None)}}, models=[Account])


def test_it_has_a_json_form_of_its_own() -> None:
    field = schema_of(Account).fields["iban"]
    assert field.to_json(ACME) == "DE89 3704 0044 0532 0130 00"
    assert field.from_json("DE89 3704 0044 0532 0130 00") == ACME
    assert field.json_schema() == {"type": "string", "format": "iban"}


@given(values(schema_of(Account).fields["iban"]))
def test_property_tests_draw_values_of_it(iban: str) -> None:
    assert Account(holder="x", iban=iban).iban == iban


def test_the_model_is_like_any_other() -> None:
    assert typing.get_type_hints(Account)["iban"] is str
    assert Catalog([*BUILT_IN, Account]).of(Account).fields["iban"].described == "IBAN"
