"""Random stories: users and troubles drawn from a seed, in worlds whose rows are checked all the time.

telling.py is what all have in common, services.py and batch.py what users of these do. Tests tell them, and
`windlass fuzz` (sim/fuzz.py) does with as many seeds as one likes.
"""
