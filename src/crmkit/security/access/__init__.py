"""Actors, and the place where a policy says which rows they may touch."""

from crmkit.security.access.actor import Actor, system
from crmkit.security.access.policy import Action, Open, Policy, unrestricted

__all__ = ["Action", "Actor", "Open", "Policy", "system", "unrestricted"]
