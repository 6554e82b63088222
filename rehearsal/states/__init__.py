"""Step Functions on the emulator: its API, the interpreter's host, and tasks that call services."""
