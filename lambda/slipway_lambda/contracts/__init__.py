"""The vocabulary that handlers and state machines share: payload keys, error names, the ledger's keys, the
notification's shape.

Standard library only: the CDK side imports it at synth and every handler at its cold start.
"""
