"""Real scenarios, told as stories: `windlass demo NAME`."""
