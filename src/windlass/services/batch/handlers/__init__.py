"""Handlers of AWS Batch, one module per group of actions."""
