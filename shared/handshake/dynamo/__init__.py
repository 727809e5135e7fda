"""The door to DynamoDB: client, retries, marshalling, sharding, tables. Knows no subject."""
