"""What is generated from the models is up to date, and the check notices when it is not."""

import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tools import generate


@pytest.fixture
def project(tmp_path):
    """A copy of the generated files."""
    for path in wanted():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def wanted():
    return generate.documents() | generate.sources()


def test_what_is_generated_is_up_to_date():
    done = subprocess.run(
        [sys.executable, "-m", "tools.generate", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_a_copy_differs_in_nothing(project):
    assert generate.differences(project, wanted()) == []


def test_a_changed_a_missing_and_a_surplus_file_are_found(project):
    folder = project / generate.ENTITIES
    (folder / "lead.md").write_text("changed by hand")
    (folder / "user.md").unlink()
    (folder / "unicorn.md").write_text("no such model")
    (project / generate.BLOCKING / "unicorn.py").write_text("no such class")
    found = [path.name for path in generate.differences(project, wanted())]
    assert found == ["lead.md", "unicorn.md", "user.md", "unicorn.py"]


def test_writing_puts_everything_right(project, monkeypatch, capsys):
    (project / generate.ENTITIES / "lead.md").write_text("changed by hand")
    (project / generate.ENTITIES / "unicorn.md").write_text("no such model")
    monkeypatch.setattr(generate, "ROOT", project)
    assert generate.main(["--check"]) == 1
    assert "differs: docs/reference/entities/lead.md" in capsys.readouterr().out
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert not (project / generate.ENTITIES / "unicorn.md").exists()


def test_a_page_tells_all_of_a_model():
    page = generate.documents()[generate.ENTITIES / "campaign_member.md"]
    assert "# CampaignMember\n\nOne person or customer that a campaign addressed" in page
    assert "| `campaign_id` | link to [Campaign](campaign.md) | yes |" in page
    assert '| `status` | choice | no; `"invited"` | `invited`, `sent`,' in page
    assert "| `campaign` | [Campaign](campaign.md) | one | `campaign_id` here |" in page
    assert "- `campaign_id`, `contact_id`" in page


def test_the_index_draws_the_relations():
    page = generate.documents()[generate.ENTITIES / "index.md"]
    assert '    opportunity ||--o{ opportunity_line : "opportunity"' in page
    assert '    customer |o--o{ lead : "converted_customer"' in page
