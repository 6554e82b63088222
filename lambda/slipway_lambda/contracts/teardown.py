"""What lets a stack's deletion take the contents of its buckets and model package groups with it."""

TAG = "slipway:emptied-with-its-stack"
"""Stands on what may be emptied. Where retention changes to `retain`, the tag goes before the resource that empties
does, and nothing is lost."""
YES = "true"
