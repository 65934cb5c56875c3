"""Training: the step, its optimiser and averages, resumable state, signals."""
