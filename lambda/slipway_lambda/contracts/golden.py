"""What the golden records' answers are published as while a release bakes."""

NAMESPACE = "Slipway/Releases"
MISMATCHES = "GoldenMismatches"
"""Answers to golden records that are neither the new version's nor the champion's, in one probe."""
KEPT_CHARS = 200
"""Of a champion's answer. A longer one is not kept, and its record is not judged."""


def dimensions(endpoint: str) -> dict[str, str]:
    """Of the metric: both fleets together, since who answered is not told."""
    return {"Endpoint": endpoint}
