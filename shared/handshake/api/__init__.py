"""What HTTP handlers share: routing, guards, errors, telemetry and the composition root."""
