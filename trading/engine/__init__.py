"""Engines: what is wanted (control), who runs them (lease, host) and what they do (cycle)."""
