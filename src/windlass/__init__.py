"""Windlass: an AWS compute plane for your own machines. docs/architecture.md is the map."""

__version__ = "0.1.0.dev0"
