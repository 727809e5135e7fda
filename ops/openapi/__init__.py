"""The API, described for programs: OpenAPI 3.1 made from the code that answers (``python -m ops.openapi``)."""
