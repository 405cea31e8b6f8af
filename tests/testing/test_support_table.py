"""`python -m crmkit.testing` prints what stores declare."""

import subprocess
import sys

TABLE = """\
|              | MemoryStore |
|--------------|-------------|
| io           | none        |
| transactions | yes         |
| unique       | yes         |
| reach        | yes         |
| buckets      | yes         |
| top          | yes         |
| savepoint    | yes         |
| timeout      | yes         |
| join         | no          |
"""


def test_prints_the_support_table():
    program = [sys.executable, "-m", "crmkit.testing", "crmkit.storage.memory:MemoryStore"]
    assert subprocess.run(program, check=True, capture_output=True, text=True).stdout == TABLE


def test_without_a_store_it_says_how_it_is_used():
    result = subprocess.run([sys.executable, "-m", "crmkit.testing"], check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "MODULE:NAME" in result.stderr
