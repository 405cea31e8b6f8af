"""The repository: the one path that every call takes, from a record or an expression to the store and back."""

from crmkit.repository.page import Page
from crmkit.repository.pipeline import Pipelines
from crmkit.repository.repository import AsyncRepository
from crmkit.repository.setup import Setup
from crmkit.repository.tally import Group, MoneyBag
from crmkit.repository.work import Work

__all__ = ["AsyncRepository", "Group", "MoneyBag", "Page", "Pipelines", "Setup", "Work"]
