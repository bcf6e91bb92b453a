"""Images of this node: a store on disk, what fills it, what reads it, and what empties it."""
