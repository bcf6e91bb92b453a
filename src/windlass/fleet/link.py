"""Placeholder replaced by the fleet slice."""


class Links:
    """Sessions with nodes."""
