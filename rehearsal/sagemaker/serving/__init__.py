"""What answers requests: the router, servers in instances, kinds of models, capture."""
