"""What a type checker must accept of the values: this file is checked, never run."""

from decimal import Decimal
from typing import assert_type

from crmkit import Labels, Record, Translated, connect, entity, translated
from crmkit.values import Money

price = Money("12000.50", "EUR")
assert_type(price.amount, Decimal)
assert_type(price.currency, str)
assert_type(price + price, Money)

title = Translated({"en": "Chair", "zh": "椅子"})
assert_type(title.text("zh-CN", "en"), str)
assert_type(title["en"], str)
assert_type(title | {"fr": "Chaise"}, Translated)
Translated({"en": 7})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]  # a text


@entity(plural="furniture")
class Furniture(Record):
    """Its title is given in several languages, its remark may be in none."""

    title: Translated = translated(max=100, search=True)
    remark: Translated = translated(default=Translated())


assert_type(Furniture(title=title).title, Translated)
Furniture()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # it has no title

labels = connect("memory://", labels={"zh": {"model.customer": "会员"}}).labels("zh-CN", "en", tenant="north")
assert_type(labels, Labels)
assert_type(labels.field(Furniture, "title"), str)
