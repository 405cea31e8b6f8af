"""Imports: legacy files in, records with their history out; planned first, and safe to run again."""

from crmkit.importers.imports import AsyncImports, AsyncPlan, Run
from crmkit.importers.pipeline import pipelines_in
from crmkit.importers.report import Counts, Rejects, Report, RowProblem

__all__ = ["AsyncImports", "AsyncPlan", "Counts", "Rejects", "Report", "RowProblem", "Run", "pipelines_in"]
