"""Handlers of SSM, one module per group of actions."""
