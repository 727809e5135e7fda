"""Simulates what a policy would have decided of recorded requests."""
