"""What came of what: lineage entities, associations, experiments, and what the service notes by itself."""
