"""What DescribeInferenceComponent shows of the copies at work."""

from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.store import Record


def ready_count(core: Core, scope: Scope, record: Record) -> int:
    """CurrentCopyCount, the copies that take requests: two whole fleets, during an update, do not count twice."""
    live = core.live.get((scope, record["EndpointName"]))
    route = live.routes.get(record["VariantName"]) if live else None
    if live is None or route is None or not route.shares:
        return 0
    ready = [copy for copy in live.components.get(record["InferenceComponentName"], []) if copy.ready]
    counts = [sum(copy.fleet is share.fleet for copy in ready) for share in route.shares]
    rolling = any(share.fleet.reserved is not None for share in route.shares)
    return sum(counts) if rolling else max(counts)


def shown_specification(core: Core, scope: Scope, record: Record) -> dict[str, Any]:
    """The specification as DescribeInferenceComponent shows it: a container with what its image resolved to."""
    specification = dict(record["Specification"])
    given = specification.get("Container")
    if given is not None:
        container = {key: value for key, value in given.items() if key != "Image"}
        live = core.live.get((scope, record["EndpointName"]))
        copies = live.components.get(record["InferenceComponentName"], []) if live else []
        image = copies[0].server.container.deployed_image() if copies else {"SpecifiedImage": given["Image"]}
        specification["Container"] = {"DeployedImage": image, **container}
    return specification
