"""Handlers of IAM, one module per group of actions."""
