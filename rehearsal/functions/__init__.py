"""Lambda functions: a bare interpreter, its own runtime client, retries and limits."""
