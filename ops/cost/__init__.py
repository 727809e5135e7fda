"""Compute what the service costs, from measured quantities and public prices, by driver.

Prices are in prices.yaml, what one call takes in measured.json, all else that is counted in background.yaml.
"""
