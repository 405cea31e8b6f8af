"""An entity is one class in one file: all else is generated from it."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
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
    root = tmp_path_factory.mktemp("project")
    for folder in ("src", "tools", "docs/reference/entities"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    area = root / "src/crmkit/entities/marketing.py"
    area.write_text(area.read_text(encoding="utf-8") + VOUCHER, encoding="utf-8")
    python(root, "-m", "tools.generate")
    return root


def python(root, *arguments):
    paths = os.pathsep.join([str(root / "src"), str(root)])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_used_by_its_property_on_every_store(project, store_url):
    assert python(project, "-c", USE, store_url) == "SPRING\n"


def test_nothing_but_its_own_file_was_touched_by_hand(project):
    generated = set(generate.sources()) | set(generate.documents())
    changed = {
        path.relative_to(project)
        for path in project.rglob("*")
        if path.is_file()
        and path.suffix in {".py", ".md"}
        and (not (ROOT / path.relative_to(project)).is_file() or path.read_bytes() != held(project, path))
    }
    by_hand = {path.as_posix() for path in changed - generated}
    assert by_hand == {"src/crmkit/entities/marketing.py", "docs/reference/entities/voucher.md"}
    assert python(project, "-m", "tools.generate", "--check") == ""


def held(project, path):
    return (ROOT / path.relative_to(project)).read_bytes()


def test_a_class_that_is_taken_out_again_leaves_nothing_behind(project, tmp_path):
    root = tmp_path / "again"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "src/crmkit/entities/marketing.py", root / "src/crmkit/entities/marketing.py")
    python(root, "-m", "tools.generate")
    for path in generate.sources():
        assert (root / path).read_text(encoding="utf-8") == (ROOT / path).read_text(encoding="utf-8")
    assert not (root / "docs/reference/entities/voucher.md").exists()
