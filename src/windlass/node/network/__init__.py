"""Networks of tasks on this node: namespaces, addresses, security groups, port mappings, and the pool.

`networks.py` is the face that the agent sees; `fabric.py` owns what the kernel has, in a thread of its own.
"""
