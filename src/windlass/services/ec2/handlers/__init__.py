"""The operations of EC2, one module per kind of resource."""
