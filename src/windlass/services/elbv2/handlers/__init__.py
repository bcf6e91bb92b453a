"""Handlers of Elastic Load Balancing, one module per group of actions."""
