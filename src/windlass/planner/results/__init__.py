"""What came of all seeds of a scenario: outcome.py, its numbers (figures.py) and what limited it
(bottleneck.py), as text and as JSON."""
