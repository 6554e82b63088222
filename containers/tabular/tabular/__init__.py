"""The tabular image: prepare, train, evaluate and serve gradient-boosted trees by SageMaker's container contracts.

Stands alone: imports nothing of the platform.
"""
