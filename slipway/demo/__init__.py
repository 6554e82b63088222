"""The demo: one real model from data to a rolled-back bad release and a drift-triggered retraining, on the embedded
cloud."""
