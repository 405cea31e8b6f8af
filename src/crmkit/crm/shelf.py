"""The built-in repositories by name, for sessions of both faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from crmkit.entities import (
    Activity,
    Address,
    Affiliation,
    BehaviourEvent,
    Campaign,
    CampaignMember,
    Contact,
    Customer,
    ExternalId,
    Lead,
    Opportunity,
    OpportunityLine,
    OutboxMessage,
    Product,
    Role,
    SegmentDefinition,
    StageMove,
    Task,
    Team,
    Ticket,
    TicketMessage,
    User,
    UserRole,
)

if TYPE_CHECKING:
    from crmkit.crm.blocking import Repository
    from crmkit.repository import AsyncRepository

__all__ = ["AsyncShelf", "Shelf"]

T = TypeVar("T")


class AsyncShelf(ABC):
    """The built-in repositories, awaited."""

    @abstractmethod
    def repository(self, model: type[T]) -> AsyncRepository[T]:
        """Return the repository of a model."""

    @property
    def customers(self) -> AsyncRepository[Customer]:
        """The customers."""
        return self.repository(Customer)

    @property
    def addresses(self) -> AsyncRepository[Address]:
        """The addresses."""
        return self.repository(Address)

    @property
    def contacts(self) -> AsyncRepository[Contact]:
        """The contacts."""
        return self.repository(Contact)

    @property
    def affiliations(self) -> AsyncRepository[Affiliation]:
        """The affiliations."""
        return self.repository(Affiliation)

    @property
    def leads(self) -> AsyncRepository[Lead]:
        """The leads."""
        return self.repository(Lead)

    @property
    def opportunities(self) -> AsyncRepository[Opportunity]:
        """The opportunities."""
        return self.repository(Opportunity)

    @property
    def opportunity_lines(self) -> AsyncRepository[OpportunityLine]:
        """The opportunity lines."""
        return self.repository(OpportunityLine)

    @property
    def products(self) -> AsyncRepository[Product]:
        """The products."""
        return self.repository(Product)

    @property
    def campaigns(self) -> AsyncRepository[Campaign]:
        """The campaigns."""
        return self.repository(Campaign)

    @property
    def campaign_members(self) -> AsyncRepository[CampaignMember]:
        """The campaign members."""
        return self.repository(CampaignMember)

    @property
    def tickets(self) -> AsyncRepository[Ticket]:
        """The tickets."""
        return self.repository(Ticket)

    @property
    def ticket_messages(self) -> AsyncRepository[TicketMessage]:
        """The ticket messages."""
        return self.repository(TicketMessage)

    @property
    def activities(self) -> AsyncRepository[Activity]:
        """The activities."""
        return self.repository(Activity)

    @property
    def tasks(self) -> AsyncRepository[Task]:
        """The tasks."""
        return self.repository(Task)

    @property
    def behaviour_events(self) -> AsyncRepository[BehaviourEvent]:
        """The behaviour events."""
        return self.repository(BehaviourEvent)

    @property
    def users(self) -> AsyncRepository[User]:
        """The users."""
        return self.repository(User)

    @property
    def teams(self) -> AsyncRepository[Team]:
        """The teams."""
        return self.repository(Team)

    @property
    def roles(self) -> AsyncRepository[Role]:
        """The roles."""
        return self.repository(Role)

    @property
    def user_roles(self) -> AsyncRepository[UserRole]:
        """The user roles."""
        return self.repository(UserRole)

    @property
    def stage_moves(self) -> AsyncRepository[StageMove]:
        """The stage moves."""
        return self.repository(StageMove)

    @property
    def external_ids(self) -> AsyncRepository[ExternalId]:
        """The external ids."""
        return self.repository(ExternalId)

    @property
    def outbox(self) -> AsyncRepository[OutboxMessage]:
        """The outbox."""
        return self.repository(OutboxMessage)

    @property
    def segment_definitions(self) -> AsyncRepository[SegmentDefinition]:
        """The segment definitions."""
        return self.repository(SegmentDefinition)


class Shelf(ABC):
    """The built-in repositories."""

    @abstractmethod
    def repository(self, model: type[T]) -> Repository[T]:
        """Return the repository of a model."""

    @property
    def customers(self) -> Repository[Customer]:
        """The customers."""
        return self.repository(Customer)

    @property
    def addresses(self) -> Repository[Address]:
        """The addresses."""
        return self.repository(Address)

    @property
    def contacts(self) -> Repository[Contact]:
        """The contacts."""
        return self.repository(Contact)

    @property
    def affiliations(self) -> Repository[Affiliation]:
        """The affiliations."""
        return self.repository(Affiliation)

    @property
    def leads(self) -> Repository[Lead]:
        """The leads."""
        return self.repository(Lead)

    @property
    def opportunities(self) -> Repository[Opportunity]:
        """The opportunities."""
        return self.repository(Opportunity)

    @property
    def opportunity_lines(self) -> Repository[OpportunityLine]:
        """The opportunity lines."""
        return self.repository(OpportunityLine)

    @property
    def products(self) -> Repository[Product]:
        """The products."""
        return self.repository(Product)

    @property
    def campaigns(self) -> Repository[Campaign]:
        """The campaigns."""
        return self.repository(Campaign)

    @property
    def campaign_members(self) -> Repository[CampaignMember]:
        """The campaign members."""
        return self.repository(CampaignMember)

    @property
    def tickets(self) -> Repository[Ticket]:
        """The tickets."""
        return self.repository(Ticket)

    @property
    def ticket_messages(self) -> Repository[TicketMessage]:
        """The ticket messages."""
        return self.repository(TicketMessage)

    @property
    def activities(self) -> Repository[Activity]:
        """The activities."""
        return self.repository(Activity)

    @property
    def tasks(self) -> Repository[Task]:
        """The tasks."""
        return self.repository(Task)

    @property
    def behaviour_events(self) -> Repository[BehaviourEvent]:
        """The behaviour events."""
        return self.repository(BehaviourEvent)

    @property
    def users(self) -> Repository[User]:
        """The users."""
        return self.repository(User)

    @property
    def teams(self) -> Repository[Team]:
        """The teams."""
        return self.repository(Team)

    @property
    def roles(self) -> Repository[Role]:
        """The roles."""
        return self.repository(Role)

    @property
    def user_roles(self) -> Repository[UserRole]:
        """The user roles."""
        return self.repository(UserRole)

    @property
    def stage_moves(self) -> Repository[StageMove]:
        """The stage moves."""
        return self.repository(StageMove)

    @property
    def external_ids(self) -> Repository[ExternalId]:
        """The external ids."""
        return self.repository(ExternalId)

    @property
    def outbox(self) -> Repository[OutboxMessage]:
        """The outbox."""
        return self.repository(OutboxMessage)

    @property
    def segment_definitions(self) -> Repository[SegmentDefinition]:
        """The segment definitions."""
        return self.repository(SegmentDefinition)
