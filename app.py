"""Environments -> stages -> stacks; tags and policy checks. No resources.

The only file of the CDK side that reads environment variables.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
node = Path(sys.prefix) / "bin" / "node"
if node.exists():  # the locked node, whatever the machine has; jsii reads this before its first import
    os.environ.setdefault("JSII_NODE", str(node))
