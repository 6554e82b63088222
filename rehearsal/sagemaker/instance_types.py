"""vCPUs and memory of an instance type, derived from its family and size as EC2 documents them."""

import re

# GiB of memory for each vCPU, by the family's letters; families that are not listed have 4, as general purpose ones.
_GIB_PER_VCPU = {"c": 2.0, "m": 4.0, "r": 8.0, "t": 4.0, "g": 4.0, "p": 8.0, "inf": 2.0, "trn": 4.0, "dl": 8.0}
_SMALL = {"medium": 1, "large": 2, "xlarge": 4}
_TYPE = re.compile(r"ml\.([a-z]+)[0-9].*\.((\d*)xlarge|large|medium)")


def vcpus(instance_type: str) -> int:
    """2 for `large`, 4 for `xlarge`, 4 n for `<n>xlarge`. What is not an instance type counts as `large`."""
    matched = _TYPE.fullmatch(instance_type)
    if not matched:
        return 2
    if matched[3]:
        return 4 * int(matched[3])
    return 2 if instance_type.startswith("ml.t") and matched[2] == "medium" else _SMALL[matched[2]]


def memory_bytes(instance_type: str) -> int:
    """For example ml.m5.large: 8 GiB."""
    matched = _TYPE.fullmatch(instance_type)
    family = matched[1] if matched else "m"
    if instance_type.startswith("ml.t2.medium"):
        return 4 << 30
    return int(vcpus(instance_type) * _GIB_PER_VCPU.get(family, 4.0) * (1 << 30))
