"""What every room speaks: reason codes, errors, JSON, text, paging. No AWS, no HTTP."""
