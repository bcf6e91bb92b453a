"""Handlers of STS, one module per group of actions."""
