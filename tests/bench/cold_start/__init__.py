"""Measures how long Lambda waits before a function can answer: starts in Amazon's own runtime interface emulator."""
