"""Turns an alarm's change of state into a record, findings, a notification."""
