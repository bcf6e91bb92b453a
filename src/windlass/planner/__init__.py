"""`windlass plan`: scenarios played in virtual time, and what they come to.

planning.py is the way from a file to an outcome: scenario/ reads the file, playing/ plays it in a simulated
world and watches, costs/ puts prices on what was used, results/ says what came of all seeds, pages/ draws it.
live/ and template/ write scenarios; calibration/ fits a profile. Knows sim/ and everything below it; nothing
of the command line.
"""
