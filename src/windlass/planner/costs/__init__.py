"""What a run costs: metering.py counts what was used, cost.py puts prices.py on it."""
