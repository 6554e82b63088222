"""Application Auto Scaling: targets, target tracking and step policies, scheduled actions, all on cloud time."""
