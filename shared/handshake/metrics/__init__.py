"""Events, the roll-ups that the projector keeps of them, and what callers read."""
