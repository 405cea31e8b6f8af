"""An entity is one class in one file: all else is generated from it."""

import shutil

import pytest

from tests.conftest import ROOT
from tests.tools.project import appended, changed_by_hand, copied, python
from tools import generate

VOUCHER = '''

@entity(uniques=(("code",),))
class Voucher(Record):
    """A code that makes something cheaper."""

    code: str = text(min=1, max=40, doc="What the customer types in.")
    campaign_id: UUID | None = link("campaign", back="vouchers", default=None, doc="The campaign it belongs to.")
'''
USE = """
import sys
from crmkit import Campaign, Voucher, connect, f, system
from crmkit.entities import BUILT_IN

assert BUILT_IN.index(Voucher) > BUILT_IN.index(Campaign)
with connect(sys.argv[1]) as crm, crm.session(system("test")) as s:
    spring = s.campaigns.add(Campaign(name="Spring"))
    voucher = s.vouchers.add(Voucher(code="SPRING", campaign_id=spring.id))
    assert s.vouchers.find(f.campaign.name == "Spring")[0] == voucher
    assert s.campaigns.count(f.vouchers.any(f.code == "SPRING")) == 1
    print(s.vouchers.get(voucher.id).code)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, to which a class was added before the generator ran."""
    root = copied(tmp_path_factory.mktemp("project"))
    appended(root / "src/crmkit/entities/marketing.py", VOUCHER)
    python(root, "-m", "tools.generate")
    return root


def test_it_is_used_by_its_property_on_every_store(project, store_url):
    assert python(project, "-c", USE, store_url) == "SPRING\n"


def test_nothing_but_its_own_file_was_touched_by_hand(project):
    assert changed_by_hand(project) == {"src/crmkit/entities/marketing.py", "docs/reference/entities/voucher.md"}
    assert python(project, "-m", "tools.generate", "--check") == ""


def test_a_class_that_is_taken_out_again_leaves_nothing_behind(project, tmp_path):
    root = tmp_path / "again"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "src/crmkit/entities/marketing.py", root / "src/crmkit/entities/marketing.py")
    python(root, "-m", "tools.generate")
    for path in generate.sources():
        assert (root / path).read_text(encoding="utf-8") == (ROOT / path).read_text(encoding="utf-8")
    assert not (root / "docs/reference/entities/voucher.md").exists()
