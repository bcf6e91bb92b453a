"""Handlers of Service Quotas."""
