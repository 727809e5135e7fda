"""DynamoDB: one module per aggregate. Every key, index and condition of the system lives here."""
