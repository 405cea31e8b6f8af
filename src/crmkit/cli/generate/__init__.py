"""Writes the blocking twins of awaited classes: `crmkit generate`, and the generator of crmkit's own."""
