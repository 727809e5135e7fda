"""What every Lambda handler shares: routing, guards, errors, telemetry and the composition root."""
