"""Types, operations and reason codes, made from openapi/handshake.json by `python -m ops.openapi.sdk`: do not edit."""
