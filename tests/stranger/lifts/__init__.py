"""A product by a team outside crmkit: it installs, inspects and repairs lifts.

It is frozen: see README.md beside this folder.
"""
