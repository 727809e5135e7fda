"""Run the service on the operator's machine, reach deployed stacks from it, and read templates as deployed."""
