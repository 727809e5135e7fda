"""What the service reads of its own operation, and whom it tells: metrics, logs, deployments, topics."""
