"""The repository: the one path that every call takes, from a record or an expression to the store and back."""

from crmkit.repository.advance import Move, advance
from crmkit.repository.aggregator import Group, MoneyBag
from crmkit.repository.door import Door, pause_collector
from crmkit.repository.doors import Doors
from crmkit.repository.environment import Environment
from crmkit.repository.pager import Page
from crmkit.repository.performer import Performer
from crmkit.repository.registry import PipelineRegistry
from crmkit.repository.repository import AsyncRepository
from crmkit.repository.rule_book import RuleBook

__all__ = [
    "OPERATIONS",
    "AsyncRepository",
    "Door",
    "Doors",
    "Environment",
    "Group",
    "MoneyBag",
    "Move",
    "Page",
    "Performer",
    "PipelineRegistry",
    "RuleBook",
    "advance",
    "pause_collector",
]

OPERATIONS = (advance,)
"""The operations that crmkit brings along."""
