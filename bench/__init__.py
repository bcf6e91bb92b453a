"""Benches: one file per speed we promise. `make bench` runs all; `python -m bench sqs` runs one.

Each measures the bare cost of the same thing in the same run, and reports a ratio: machines are shared.
"""
