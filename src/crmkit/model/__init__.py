"""Models: one frozen class per entity, from which tables, query fields and codecs derive."""
