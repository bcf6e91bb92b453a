"""Handlers of Certificate Manager, one module per group of actions."""
