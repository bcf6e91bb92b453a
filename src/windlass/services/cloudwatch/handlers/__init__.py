"""Handlers of CloudWatch, one module per group of actions."""
