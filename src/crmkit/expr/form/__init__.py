"""Expressions as JSON and as text."""
