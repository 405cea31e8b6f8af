"""A field of a product's own is one line in its model."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from crmkit import Customer, connect, day, decimal, entity, integer, text
from crmkit.entities import BUILT_IN
from crmkit.model.catalog import Catalog
from crmkit.model.schema import schema_of
from tests.crm.field_use import use
from tools.generate import entity_page


@entity(extends=Customer)
class Clinic(Customer):
    """A customer that treats patients."""

    beds: int | None = integer(default=None, min=0, doc="How many patients can stay.")
    licence_no: str | None = text(default=None, max=40, doc="What the authorities call it.")
    fee: Decimal | None = decimal(scale=2, default=None, doc="What a visit costs.")
    opened_on: date | None = day(default=None, doc="When the first patient came.")


@pytest.mark.parametrize(
    ("name", "kind"), [("beds", "integer"), ("licence_no", "text"), ("fee", "decimal"), ("opened_on", "day")]
)
def test_it_is_used_on_every_store(store_url: str, name: str, kind: str) -> None:
    with connect(store_url, models=[Clinic]) as crm:
        use(crm, Clinic, name, kind)


def test_it_stands_in_the_reference() -> None:
    catalog = Catalog([*(model for model in BUILT_IN if model is not Customer), Clinic])
    page = entity_page(catalog, schema_of(Clinic))
    assert "| `beds` | integer | no | 0 or more | How many patients can stay. |" in page
