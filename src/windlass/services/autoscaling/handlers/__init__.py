"""One module per group of actions."""
