"""Images of this node: a store on disk, what fills it, and what reads it. No registry is asked."""
