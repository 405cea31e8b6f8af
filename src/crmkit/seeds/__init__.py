"""Seeds: what a product gives each tenant to start with, and brings up to date without touching what was edited."""

from crmkit.seeds.pack import SeedPack
from crmkit.seeds.seed_report import SeedReport

__all__ = ["SeedPack", "SeedReport"]
