"""A measure is one function; an aggregate of the stores' is one row, and each store's spelling."""

import pytest

from tests.conftest import ROOT
from tests.tools.project import appended, changed_by_hand, copied, inserted, python, run

SPREAD = '''

def spread(ref: Ref) -> Measured:
    """Return the measure that takes the greatest value less the least."""
    return Measured("spread", ref, (Aggregate.MAX, Aggregate.MIN), lambda high, low: high - low, numeric=True)
'''
VOLUME = '''

def volume(ref: Ref) -> Measured:
    """Return the measure that adds up a number without its sign."""
    return Measured("volume", ref, (Aggregate.VOLUME,), numeric=True)
'''
ROW = '    VOLUME = "volume", 0\n'
SPELLINGS = {
    "storage/memory/tally.py": "    Aggregate.VOLUME: lambda values: sum(map(abs, values)),\n",
    "storage/sql/measure.py": (
        "        Aggregate.VOLUME: Spelling(\n"
        "            lambda column: dialect.sum_parts(func.abs(column)), dialect.sum_width, dialect.whole_sum\n"
        "        ),\n"
    ),
    "storage/mongo/tally.py": '    Aggregate.VOLUME: ("$sum", lambda path: {"$abs": {"$toDecimal": path}}),\n',
}
BEFORE = {
    "storage/memory/tally.py": "    Aggregate.SUM: sum",
    "storage/sql/measure.py": "        Aggregate.SUM: Spelling",
    "storage/mongo/tally.py": '    Aggregate.SUM: ("$sum"',
}
USE = """
import sys
from crmkit import Customer, Money, MoneyBag, Opportunity, connect, f, spread, system, volume

with connect(sys.argv[1]) as crm, crm.session(system("test")) as s:
    [none] = s.opportunities.tally(chance=spread(f.probability), turned=volume(f.probability), worth=volume(f.amount))
    assert none.measures == {"chance": None, "turned": 0, "worth": MoneyBag()}
    acme = s.customers.add(Customer(name="Acme"))
    deals = [(5, "EUR", 10), (-7, "EUR", 30), (2, "USD", None)]
    s.opportunities.add_many(
        Opportunity(name="d", customer_id=acme.id, amount=Money(amount, currency), probability=chance)
        for amount, currency, chance in deals
    )
    [all] = s.opportunities.tally(
        by=f.customer.name, apart=spread(f.amount), worth=volume(f.amount), chance=spread(f.probability)
    )
    assert all.key == ("Acme",)
    assert all["apart"] == MoneyBag([Money(12, "EUR"), Money(0, "USD")])
    assert all["worth"] == MoneyBag([Money(12, "EUR"), Money(2, "USD")])
    assert all["chance"] == 20
    try:
        s.customers.tally(n=volume(f.name))
    except Exception as refused:
        print(refused)
"""


def with_row(root):
    """Return a copy with two more measures, one of them of an aggregate that no store spells yet."""
    copied(root)
    appended(root / "src/crmkit/repository/measure.py", SPREAD + VOLUME)
    inserted(root / "src/crmkit/storage/spi/aggregate.py", '    MAX = "max"\n', ROW)
    return root


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = with_row(tmp_path_factory.mktemp("project"))
    for path, spelling in SPELLINGS.items():
        inserted(root / "src/crmkit" / path, BEFORE[path], spelling)
    python(root, "-m", "tools.generate")
    return root


def test_both_are_used_by_their_names_on_every_store(project, store_url):
    assert python(project, "-c", USE, store_url) == "f.name is not a number, so it has no volume.\n"


def test_nothing_but_the_rows_and_the_spellings_was_written_by_hand(project):
    places = {"repository/measure.py", "storage/spi/aggregate.py", *SPELLINGS}
    assert changed_by_hand(project) == {f"src/crmkit/{place}" for place in places}


def test_a_store_that_forgot_it_is_named(tmp_path):
    root = with_row(tmp_path)
    inserted(
        root / "src/crmkit/storage/memory/tally.py",
        BEFORE["storage/memory/tally.py"],
        SPELLINGS["storage/memory/tally.py"],
    )
    done = run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "tests/storage/spi/test_aggregate.py"))
    assert done.returncode == 1
    assert "sqlite does not spell each aggregate" in done.stdout
    assert "mongo does not spell each aggregate" in done.stdout
    assert "memory does not" not in done.stdout
