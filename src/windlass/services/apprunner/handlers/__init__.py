"""App Runner's operations, a module for each kind of resource."""
