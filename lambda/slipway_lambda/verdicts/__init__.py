"""Whether a challenger is worse than the champion: pure statistics, for trials and for the canary's own requests."""
