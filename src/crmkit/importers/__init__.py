"""Imports: legacy files in, records with their history out; planned first, and safe to run again."""

from crmkit.importers.import_report import Counts, ImportReport, Rejects, RowProblem
from crmkit.importers.imports import AsyncImports, AsyncPlan
from crmkit.importers.mapping import pipelines_in

__all__ = ["AsyncImports", "AsyncPlan", "Counts", "ImportReport", "Rejects", "RowProblem", "pipelines_in"]
