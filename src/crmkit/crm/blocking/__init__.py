"""The blocking face, generated from the awaited classes by tools/generate.py; each class is loaded when it is used."""
