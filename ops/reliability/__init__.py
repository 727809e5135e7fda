"""Incidents on purpose, evidence verified, the dashboard drawn."""
