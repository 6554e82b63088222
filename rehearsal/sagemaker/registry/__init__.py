"""Model packages, groups, cards and feature groups: what is known of models."""
