"""Analytics: funnels over the history of stages, and the figures of a pipeline, computed beside the data."""

from crmkit.analytics.asynchronous import AsyncAnalytics
from crmkit.analytics.cycle import Cycle, Velocity, VelocityGroup
from crmkit.analytics.definition import Funnel
from crmkit.analytics.duration import Durations
from crmkit.analytics.forecast import Forecast, ForecastBucket
from crmkit.analytics.funnel import FunnelGroup, FunnelReport, FunnelStage
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import Report
from crmkit.analytics.stage import PipelineValue, StageTime, StageValue
from crmkit.analytics.win import WinRate

__all__ = [
    "AsyncAnalytics",
    "Cycle",
    "Durations",
    "Forecast",
    "ForecastBucket",
    "Funnel",
    "FunnelGroup",
    "FunnelReport",
    "FunnelStage",
    "PipelineValue",
    "Ratio",
    "Report",
    "StageTime",
    "StageValue",
    "Velocity",
    "VelocityGroup",
    "WinRate",
]
