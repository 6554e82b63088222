"""The hook table: small, exact, and refusing an emulator that is not the one it was written for."""

import dataclasses

import pytest

from rehearsal import hooks

NAMES = [hook.name for hook in hooks.HOOKS]


def test_the_table_is_short_and_names_each_target_once() -> None:
    assert len(NAMES) == len(set(NAMES)) <= 25
    assert all(hook.why for hook in hooks.HOOKS)


def test_every_target_is_as_expected_in_the_locked_emulator() -> None:
    hooks.check()


@pytest.mark.parametrize("hook", hooks.HOOKS, ids=NAMES)
def test_a_changed_target_is_refused_by_name(hook: hooks.Hook) -> None:
    with pytest.raises(hooks.HookMismatchError, match=hook.name.replace(".", r"\.")):
        hooks.check((dataclasses.replace(hook, expects="000000000000"),))


@pytest.mark.parametrize("hook", hooks.HOOKS, ids=NAMES)
def test_a_missing_target_is_refused_by_name(hook: hooks.Hook) -> None:
    with pytest.raises(hooks.HookMismatchError, match=f"{hook.attribute}_gone"):
        hooks.check((dataclasses.replace(hook, attribute=f"{hook.attribute}_gone"),))
