"""The expression language: written in Python, bound to a model, read three ways."""
