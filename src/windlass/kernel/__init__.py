"""The kernel: time, chance, storage, loops. Knows nothing of AWS."""
