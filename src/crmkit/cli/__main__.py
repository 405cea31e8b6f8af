"""`python -m crmkit.cli` does what `crmkit` does."""

from crmkit.cli import main

main()
