"""What the workstation asks of AWS, or of the embedded cloud in its place: status, approvals, where things are."""
