"""What can be wrong with what the caller gave; each is told in one line and never as a traceback."""


class Fault(Exception):
    """The job cannot give an answer; no answer is not a pass."""


class NoDataFault(Fault):
    """Nothing to judge in the window."""
