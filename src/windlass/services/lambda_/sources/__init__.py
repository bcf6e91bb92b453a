"""Event source mappings: what takes messages from queues and invokes functions with them."""
