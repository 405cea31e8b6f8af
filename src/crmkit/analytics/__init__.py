"""Analytics: funnels over the history of stages, and the figures of a pipeline, computed beside the data."""

from crmkit.analytics.definition import Funnel
from crmkit.analytics.duration import Durations
from crmkit.analytics.funnel import FunnelGroup, FunnelReport, FunnelStage
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import Report

__all__ = ["Durations", "Funnel", "FunnelGroup", "FunnelReport", "FunnelStage", "Ratio", "Report"]
