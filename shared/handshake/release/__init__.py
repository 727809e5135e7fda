"""Decides whether a release may have traffic: schema, migrations, synthetic calls."""
