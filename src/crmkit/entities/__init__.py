"""The entities that crmkit brings along: complete in their fields, to be used as they are or to be extended."""

from __future__ import annotations

from typing import Final

from crmkit.entities.activity import Activity, Task
from crmkit.entities.campaign import Campaign, CampaignMember
from crmkit.entities.definition import PipelineDefinition, SegmentDefinition
from crmkit.entities.event import BehaviourEvent
from crmkit.entities.external_id import ExternalId
from crmkit.entities.history import StageMove
from crmkit.entities.lead import Lead
from crmkit.entities.opportunity import Opportunity, OpportunityLine
from crmkit.entities.outbox import OutboxMessage
from crmkit.entities.party import Address, Affiliation, Contact, Customer
from crmkit.entities.product import Product
from crmkit.entities.staged import Staged
from crmkit.entities.ticket import Ticket, TicketMessage
from crmkit.entities.user import Role, Team, User, UserRole

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
