"""Handlers of CloudWatch Logs, one module per group of actions."""
