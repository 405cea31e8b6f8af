"""Stores: the databases that crmkit runs on."""
