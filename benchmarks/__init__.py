"""Benchmarks: generate, run, report."""
