"""What a scenario file says: its members and quantities (model.py), and YAML into them with the line of each
error (reading.py). Knows nothing of worlds."""
