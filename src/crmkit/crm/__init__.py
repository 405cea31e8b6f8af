"""The face: connecting, sessions, and the repositories they hand out, blocking and awaited."""

from crmkit.crm.asynchronous import AsyncCrm, AsyncSession, aconnect
from crmkit.crm.blocking import Crm, Repository, Session, connect

__all__ = ["AsyncCrm", "AsyncSession", "Crm", "Repository", "Session", "aconnect", "connect"]
