"""The face: connecting, sessions, and what they hand out, blocking and awaited; `crmkit` itself has the names."""
