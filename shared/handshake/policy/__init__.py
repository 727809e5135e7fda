"""Decides what may be done: rules, a change of them, and the versions a scope has had."""
