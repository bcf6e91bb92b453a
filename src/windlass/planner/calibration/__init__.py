"""A profile's launch phases from observed timings: timings.py reads them, fitting.py fits, calibrate.py says
which phase each belongs to."""
