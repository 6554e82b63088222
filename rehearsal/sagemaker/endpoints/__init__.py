"""Endpoints: their API, configs and models, and how a deployment brings one to another config."""
