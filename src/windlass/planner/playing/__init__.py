"""A scenario in a simulated world: play.py makes its resources, asking.py asks its work of them, happening.py
lets its events happen, waiting.py ends it, watching.py and gauging.py look."""
