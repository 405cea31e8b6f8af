"""What a product tests itself with; `crmkit.testing.plugin` makes fixtures of it."""
