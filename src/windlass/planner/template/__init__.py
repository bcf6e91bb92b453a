"""CloudFormation templates as the resources of a scenario, as far as they say what runs.

intrinsics.py finds out what values are, kinds.py knows the types, properties.py makes parameters of
properties, stack.py puts the operations in order. Nothing here is an engine: a template is read once, into
the operations that would make the same.
"""
