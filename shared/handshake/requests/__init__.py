"""A request from submission to its end: decision, evidence, the decision room, execution."""
