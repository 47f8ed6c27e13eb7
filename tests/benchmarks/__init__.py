"""Benchmarks: `make bench`. They print figures side by side; no test asserts a time."""
