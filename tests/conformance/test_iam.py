"""The evaluation rules of the IAM User Guide as tables: tests/conformance/iam/*.yaml, each with the page it is from."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.iam.context import principal_keys
from rehearsal.iam.evaluate import Policies, Request, Source, evaluate
from rehearsal.iam.policy import compiled
from rehearsal.iam.principal import Principal

TABLES = {path.stem: yaml.safe_load(path.read_text()) for path in (Path(__file__).parent / "iam").glob("*.yaml")}
ACTION, RESOURCE, ACCOUNT, OTHER = "s3:GetObject", "arn:aws:s3:::b/k", "111122223333", "444455556666"
CALLERS = {name: Principal(**values) for name, values in TABLES["evaluation"]["callers"].items()}
NAMES: dict[str, Any] = {
    "everyone": "*",
    "account": {"AWS": ACCOUNT},
    "owner": {"AWS": OTHER},
    "bob": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"},
    "role": {"AWS": CALLERS["session"].issuer_arn},
    "service": {"Service": "events.amazonaws.com"},
    "web": {"Federated": "cognito-identity.amazonaws.com"},
    **{name: {"AWS": CALLERS[name].arn} for name in ("ann", "session", "federated")},
}
KINDS = {
    "identity": "identity-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "resource": "resource-based policy",
    "root": "account root user",
}
ASKED = 300


def source(*statements: dict[str, Any], version: str | None = "2012-10-17") -> Source:
    document: dict[str, Any] = {"Statement": list(statements)}
    return Source("p", compiled(document | ({"Version": version} if version else {})))


def allows(
    statement: dict[str, Any],
    *,
    keys: dict[str, Any] | None = None,
    action: str = ACTION,
    resource: str = RESOURCE,
    version: str | None = "2012-10-17",
) -> bool:
    """Whether a statement applies: as an Allow on its own it grants, as a Deny beside an Allow of all it refuses."""
    question = Request(CALLERS["ann"], action, resource, keys or {})
    default = {} if "NotResource" in statement else {"Resource": "*"}
    default |= {} if "NotAction" in statement else {"Action": "*"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    granted = evaluate(
        question, Policies([source({**default, **statement, "Effect": "Allow"}, version=version)])
    ).allowed
    refused = evaluate(
        question, Policies([source(everything), source({**default, **statement, "Effect": "Deny"}, version=version)])
    )
    assert granted is not refused.allowed, "a statement applies or not, whatever its effect"
    return granted


def condition_vectors() -> Iterator[tuple[str, Callable[[], bool], bool]]:
    for operator, rows in TABLES["conditions"].items():
        for wanted, given, expected in rows:
            keys = {} if given is None else {"k:key": given}
            statement = {"Condition": {operator: {"k:Key": wanted}}}
            yield f"{operator} {wanted} {given!r}", lambda s=statement, k=keys: allows(s, keys=k), expected


def matching_vectors() -> Iterator[tuple[str, Callable[[], bool], bool]]:
    tables = TABLES["matching"]
    for element in ("Action", "NotAction"):
        for pattern, value, expected in tables[element]:
            yield (
                f"{element} {pattern} {value}",
                lambda e=element, p=pattern, v=value: allows({e: p}, action=v),
                expected,
            )
    for element in ("Resource", "NotResource"):
        for pattern, value, expected in tables[element]:
            test = lambda e=element, p=pattern, v=value: allows({e: p}, resource=v)  # noqa: E731
            yield f"{element} {pattern} {value}", test, expected
    for version, pattern, keys, value, expected in tables["ResourceVariable"]:
        test = lambda p=pattern, k=keys, v=value, n=version: allows({"Resource": p}, keys=k, resource=v, version=n)  # noqa: E731
        yield f"variable {version} {pattern} {keys} {value}", test, expected
    for version, operator, wanted, keys, value, expected in tables["ConditionVariable"]:
        statement = {"Condition": {operator: {"k:key": wanted}}}
        test = lambda s=statement, k={**keys, "k:key": value}, n=version: allows(s, keys=k, version=n)  # noqa: E731
        yield f"variable {version} {operator} {wanted} {keys} {value}", test, expected


def principal_vectors() -> Iterator[tuple[str, Callable[[], bool], bool]]:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}

    def named(element: Any, caller: str) -> bool:
        policy = source({**everything, "Principal": element})
        # Across accounts, so that an Allow of the resource's policy is needed whatever the caller's own say.
        return evaluate(
            Request(CALLERS[caller], ACTION, RESOURCE), Policies([source(everything)], resource=policy, owner=OTHER)
        ).allowed

    def spared(element: Any, caller: str) -> bool:
        deny = {**everything, "Effect": "Deny", "NotPrincipal": element}
        policy = source({**everything, "Principal": "*"}, deny)
        return evaluate(
            Request(CALLERS[caller], ACTION, RESOURCE), Policies([source(everything)], resource=policy, owner=OTHER)
        ).allowed

    for element, caller, expected in TABLES["matching"]["Principal"]:
        yield f"Principal {element} {caller}", lambda e=element, c=caller: named(e, c), expected
    for element, caller, expected in TABLES["matching"]["NotPrincipal"]:
        yield f"NotPrincipal {element} {caller}", lambda e=element, c=caller: spared(e, c), expected


def worded(words: list[str]) -> Source:
    statements = []
    for word in words:
        what, _, who = word.partition(" ")
        statements.append(
            {
                "Effect": "Deny" if what == "deny" else "Allow",
                "Action": "s3:PutObject" if what == "other" else ACTION,
                "Resource": "arn:aws:s3:::b/x" if what == "elsewhere" else RESOURCE,
                **({"Principal": NAMES[who]} if who else {}),
            }
        )
    return source(*statements)


def outcome(caller: str, identity: Any, boundary: Any, session: Any, resource: Any, whose: str) -> str:
    decision = evaluate(
        Request(CALLERS[caller], ACTION, RESOURCE),
        Policies(
            [worded(identity)],
            None if boundary is None else [worded(boundary)],
            None if session is None else [worded(session)],
            None if resource is None else worded(resource),
            OTHER if whose == "other" else ACCOUNT,
            whose == "closed",
        ),
    )
    kind = next(name for name, words in KINDS.items() if words == decision.kind)
    return f"{'allow' if decision.allowed else 'DENY' if decision.explicit else 'deny'} {kind}"


def evaluation_vectors() -> Iterator[tuple[str, Callable[[], bool], bool]]:
    for *given, expected in TABLES["evaluation"]["vectors"]:

        def right(given: list[Any] = given, expected: str = expected) -> bool:
            found = outcome(*given)
            # Where two policies allow, either may be named.
            return found.split()[0] == "allow" if expected == "allow any" else found == expected

        yield f"{given} {expected}", right, True


def key_vectors() -> Iterator[tuple[str, Callable[[], bool], bool]]:
    for caller, key, expected in TABLES["evaluation"]["keys"]:
        test = lambda c=caller, k=key, e=expected: principal_keys(CALLERS[c]).get(k.lower()) == e  # noqa: E731
        yield f"{caller} {key}", test, True


FAMILIES = {
    "conditions": condition_vectors,
    "matching": matching_vectors,
    "principals": principal_vectors,
    "evaluation": evaluation_vectors,
    "keys": key_vectors,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_vector_of_the_evaluation_rules(family: str, figure: Callable[[str, object, str, bool], None]) -> None:
    vectors = list(FAMILIES[family]())
    wrong = [name for name, test, expected in vectors if test() is not expected]
    assert not wrong
    figure(f"IAM evaluation rules, {family}", f"{len(vectors)} right", "all", not wrong)


def test_there_are_as_many_vectors_as_asked_and_none_twice(figure: Callable[[str, object, str, bool], None]) -> None:
    names = Counter(name for family in FAMILIES.values() for name, *_ in family())
    assert [name for name, count in names.items() if count > 1] == []
    figure("IAM evaluation rules, vectors", len(names), f">= {ASKED}", len(names) >= ASKED)
