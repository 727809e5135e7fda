"""Cause incidents on purpose, verify evidence, draw the dashboard."""
