"""A scenario written from what an account has: `windlass plan --from-live`.

survey.py asks AWS or a plane, draft.py and the modules of each service decide what of the answers a scenario
says, document.py writes it down. Only survey.py knows boto3.
"""
