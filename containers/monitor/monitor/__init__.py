"""The monitor image: data quality baselines and runs, in the file formats of SageMaker Model Monitor.

Stands alone: imports nothing of the platform.
"""
