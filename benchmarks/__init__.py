"""The benchmarks: crmkit beside the raw drivers and the libraries a team would otherwise use."""
