"""The rules, as plain functions and models. Nothing here knows AWS, HTTP or the clock."""
