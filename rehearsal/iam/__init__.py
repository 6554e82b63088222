"""IAM: a pure evaluator of policies, and what asks it on behalf of each kind of caller.

`evaluate.py`, `policy.py`, `conditions.py`, `patterns.py` and `principal.py` know no emulator: a request and policies
go in, a decision with the statement that made it comes out. The rules are those of the IAM User Guide.
"""
