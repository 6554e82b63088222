"""What makes an endpoint's scaling what was declared, from whatever it is."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.scaling import Scaling, live_count, policies, policy_prefix, resource_id
from slipway_lambda.ports.endpoints import Endpoints
from slipway_lambda.ports.scalings import Scalings

WITHOUT_FLEET = frozenset({"", "Creating", "Deleting", "Failed"})


def restore(endpoint: str, variant: str, scaling: Scaling, endpoints: Endpoints, scalings: Scalings) -> bool:
    """Register the target with its limits and policies where it is not so already. False: there is no fleet to scale.

    A fleet outside the limits is brought to the nearer one, since target tracking acts on its metric alone. Safe to
    run at any time and twice; policies of other names are somebody else's and stay.
    """
    described = endpoints.describe(endpoint)
    count = live_count(described, variant)
    status = described.get("EndpointStatus", "")
    if status in WITHOUT_FLEET or not count:
        return False
    resource = resource_id(endpoint, variant)
    wanted = (scaling.min_instances, scaling.max_instances)
    if scalings.limits(resource) != wanted:
        scalings.register(resource, *wanted)
    _restore_policies(endpoint, resource, scaling, scalings)
    nearest = min(max(count, wanted[0]), wanted[1])
    if nearest != count and status == "InService":
        scalings.set_instances(endpoint, variant, nearest)
    return True


def release_from_scaling(endpoint: str, variant: str, scalings: Scalings) -> bool:
    """Deregister the target of a variant that is declared to scale no longer, if the policies say that it was ours."""
    resource = resource_id(endpoint, variant)
    ours = any(name.startswith(policy_prefix(endpoint)) for name in scalings.policies(resource))
    if ours:
        scalings.deregister(resource)
    return ours


def _restore_policies(endpoint: str, resource: str, scaling: Scaling, scalings: Scalings) -> None:
    declared, found = policies(scaling, endpoint), scalings.policies(resource)
    for name, configuration in declared.items():
        # To put a policy makes its alarms anew, which then know nothing of the last minutes.
        if not _same(configuration, found.get(name, {})):
            scalings.put_policy(resource, name, configuration)
    for name in found:
        if name.startswith(policy_prefix(endpoint)) and name not in declared:
            scalings.delete_policy(resource, name)


def _same(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return all(found.get(member) == value for member, value in wanted.items())
