"""Fault tests use planes of their own, which they kill."""
