"""EC2's types whose API the emulator has, but not the resource type."""

from typing import Any

from rehearsal.cfn.kinds import Kind, Properties


def _allocation(address: str) -> str:
    """Ref of an address is the address itself, but the API releases it by its allocation."""
    from ministack.services import ec2

    found = (record["AllocationId"] for record in ec2._addresses.values() if record.get("PublicIp") == address)
    return str(next(found, "eipalloc-gone"))


def _rule(member: str) -> Any:
    def adapt(properties: Properties) -> dict[str, Any]:
        permission: dict[str, Any] = {
            key: properties[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in properties
        }
        described = {"Description": properties["Description"]} if properties.get("Description") else {}
        if properties.get("CidrIp"):
            permission["IpRanges"] = [{"CidrIp": properties["CidrIp"], **described}]
        if properties.get("CidrIpv6"):
            permission["Ipv6Ranges"] = [{"CidrIpv6": properties["CidrIpv6"], **described}]
        group = properties.get(f"{member}SecurityGroupId")
        if group:
            permission["UserIdGroupPairs"] = [{"GroupId": group, **described}]
        lists = properties.get(f"{member}PrefixListId")
        if lists:
            permission["PrefixListIds"] = [{"PrefixListId": lists, **described}]
        return {"GroupId": properties["GroupId"], "IpPermissions": [permission]}

    return adapt


def _gateway(properties: Properties) -> dict[str, Any]:
    """The emulator takes a subnet and an address that are not there."""
    from ministack.services import ec2

    subnet, allocation = properties.get("SubnetId"), properties.get("AllocationId")
    for kind, given, known in (("Subnet", subnet, ec2._subnets), ("Allocation", allocation, ec2._addresses)):
        if given and given not in known:
            told = f"The {kind.lower()} ID '{given}' does not exist"
            raise ValueError(f"{told} (Service: Ec2, Status Code: 400, Invalid{kind}ID.NotFound)")
    return dict(properties)


KINDS = (
    Kind(
        type="AWS::EC2::EIP",
        service="ec2",
        create="AllocateAddress",
        delete="ReleaseAddress",
        ref="PublicIp",
        create_only=("NetworkBorderGroup", "TransferAddress", "IpamPoolId", "Address"),
        own=("InstanceId", "TransferAddress"),
        attributes=("AllocationId", "PublicIp"),
        deletion=lambda address, _: {"AllocationId": _allocation(address)},
    ),
    Kind(
        type="AWS::EC2::NatGateway",
        service="ec2",
        create="CreateNatGateway",
        delete="DeleteNatGateway",
        identity="NatGatewayId",
        ref="NatGateway.NatGatewayId",
        create_only=("VpcId", "SubnetId", "ConnectivityType", "AllocationId", "PrivateIpAddress", "AvailabilityMode"),
        attributes=("NatGatewayId=NatGateway.NatGatewayId",),
        adapt=_gateway,
    ),
    Kind(
        type="AWS::EC2::SecurityGroupIngress",
        service="ec2",
        create="AuthorizeSecurityGroupIngress",
        delete="RevokeSecurityGroupIngress",
        name="GroupId",
        generated=0,
        create_only=(
            "GroupName", "IpProtocol", "SourceSecurityGroupId", "SourcePrefixListId", "ToPort", "CidrIp", "FromPort",
            "GroupId", "CidrIpv6", "Description",
        ),
        own=("SourceSecurityGroupId", "SourcePrefixListId", "CidrIpv6", "Description"),
        adapt=_rule("Source"),
        deletion=lambda _, properties: _rule("Source")(properties),
    ),
    Kind(
        type="AWS::EC2::SecurityGroupEgress",
        service="ec2",
        create="AuthorizeSecurityGroupEgress",
        delete="RevokeSecurityGroupEgress",
        name="GroupId",
        generated=0,
        create_only=(
            "IpProtocol", "DestinationSecurityGroupId", "ToPort", "CidrIp", "FromPort", "GroupId", "CidrIpv6",
            "DestinationPrefixListId", "Description",
        ),
        own=("DestinationSecurityGroupId", "DestinationPrefixListId", "CidrIpv6", "Description"),
        adapt=_rule("Destination"),
        deletion=lambda _, properties: _rule("Destination")(properties),
    ),
)  # fmt: skip
