"""Handlers of EventBridge, one module per group of actions."""
