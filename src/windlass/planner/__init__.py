"""`windlass plan`: scenarios played in virtual time, and what they come to.

A scenario (scenario.py, read by reading.py) is resources, work and events; play.py plays it in a simulated
world; outcome.py says what came of it; the other modules show that. Knows sim/ and everything below it;
nothing of the command line.
"""
