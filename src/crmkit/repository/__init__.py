"""The repository: the one path that every call takes, from a record or an expression to the store and back."""

from crmkit.repository.aggregator import Group, MoneyBag
from crmkit.repository.door import Door, pause_collector
from crmkit.repository.doors import Doors
from crmkit.repository.pager import Page
from crmkit.repository.pipelines import Pipelines
from crmkit.repository.repository import AsyncRepository
from crmkit.repository.setup import Setup

__all__ = ["AsyncRepository", "Door", "Doors", "Group", "MoneyBag", "Page", "Pipelines", "Setup", "pause_collector"]
