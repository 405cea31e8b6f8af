"""The entities that crmkit brings along: complete in their fields, to be used as they are or to be extended."""

from __future__ import annotations

from typing import Final

from crmkit.entities.activity import Activity, Task
from crmkit.entities.marketing import BehaviourEvent, Campaign, CampaignMember
from crmkit.entities.organisation import Role, Team, User, UserRole
from crmkit.entities.party import Address, Affiliation, Contact, Customer
from crmkit.entities.sales import Lead, Opportunity, OpportunityLine, Product
from crmkit.entities.service import Ticket, TicketMessage
from crmkit.entities.staged import Staged
from crmkit.entities.system import ExternalId, OutboxMessage, PipelineDefinition, SegmentDefinition, StageMove

__all__ = [
    "BUILT_IN",
    "Activity",
    "Address",
    "Affiliation",
    "BehaviourEvent",
    "Campaign",
    "CampaignMember",
    "Contact",
    "Customer",
    "ExternalId",
    "Lead",
    "Opportunity",
    "OpportunityLine",
    "OutboxMessage",
    "PipelineDefinition",
    "Product",
    "Role",
    "SegmentDefinition",
    "StageMove",
    "Staged",
    "Task",
    "Team",
    "Ticket",
    "TicketMessage",
    "User",
    "UserRole",
]

BUILT_IN: Final[tuple[type, ...]] = (
    Team,
    User,
    Role,
    UserRole,
    PipelineDefinition,
    SegmentDefinition,
    Product,
    Customer,
    Address,
    Contact,
    Affiliation,
    Campaign,
    Opportunity,
    OpportunityLine,
    Lead,
    CampaignMember,
    Ticket,
    TicketMessage,
    Activity,
    Task,
    BehaviourEvent,
    StageMove,
    OutboxMessage,
    ExternalId,
)
"""Every built-in model, each one after those it links to."""
