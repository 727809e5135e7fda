"""Rehearse releases on this machine, check deployed ones, and watch them."""
