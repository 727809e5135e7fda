"""What an alarm's change of state becomes: a record, findings, a notification."""
