"""Secrets Manager's operations."""
