"""Analytics: funnels over the history of stages, and the figures of a pipeline, computed beside the data."""

from crmkit.analytics.analytics import AsyncAnalytics
from crmkit.analytics.cycle import Cycle
from crmkit.analytics.durations import Durations
from crmkit.analytics.forecast import Forecast, ForecastBucket
from crmkit.analytics.funnel import Funnel
from crmkit.analytics.funnel_report import FunnelGroup, FunnelReport, FunnelStage
from crmkit.analytics.pipeline_value import PipelineValue, StageValue
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import Report
from crmkit.analytics.stage_time import StageTime
from crmkit.analytics.velocity import Velocity, VelocityGroup
from crmkit.analytics.win_rate import WinRate

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
