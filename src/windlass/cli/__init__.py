"""The command line: a client of the public API (boto3 and /_windlass) that can also start a plane."""
