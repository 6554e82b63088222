"""What instance types are, by their names."""

import re

LOCAL_DISKS = re.compile(r"^ml\.([a-z]+\d+[a-z]*d[a-z]*|g5|g6|g6e|p5|p5e|trn1|trn1n|trn2)\.")
"""Instances with disks of their own, encrypted in hardware; SageMaker refuses a volume key for them."""
_NEURON = re.compile(r"^ml\.(inf|trn)\d")
_ARM = re.compile(r"^ml\.([a-z]+\d+[a-z]*g[a-z]*|[a-z0-9]+-gb\d+)\.")


def hardware(instance_type: str) -> str:
    """What an image is built for: `Neuron`, `Arm` or `x86`."""
    if _NEURON.match(instance_type):
        return "Neuron"
    return "Arm" if _ARM.match(instance_type) else "x86"


def has_own_disks(instance_type: str) -> bool:
    """Whether its disks are encrypted by themselves, with no key of ours."""
    return bool(LOCAL_DISKS.match(instance_type))
