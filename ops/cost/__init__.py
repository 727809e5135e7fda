"""What the service costs on paper: measured quantities, public prices, and dollars by driver.

Prices are in prices.yaml, what one call takes in measured.json, all else that is counted in background.yaml.
"""
