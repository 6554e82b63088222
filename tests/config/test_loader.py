"""Every message of the loader, with its place; and that nothing but Declarations or DeclarationError comes out."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.config.errors import Code, DeclarationError, Fault
from slipway.config.loader import Declarations, load
from slipway.config.model import ColumnType

Broken = Callable[..., tuple[Fault, ...]]
MODEL = "models/flight-delays/model.yaml"


def only(faults: tuple[Fault, ...]) -> Fault:
    assert len(faults) == 1, "\n".join(f.render() for f in faults)
    return faults[0]


def line_of(checkout: Path, file: str, text: str) -> int:
    return next(n for n, line in enumerate((checkout / file).read_text().splitlines(), 1) if text in line)


def test_loads_the_declarations_of_the_repository(root: Path) -> None:
    found = load(root)
    assert found.platform.environments[0].account == "111122223333"
    model = found.models[0]
    assert [c.name for c in model.data.columns][:7] == [
        "dep_delay", "sched_dep_minute", "day_of_week", "distance", "carrier", "origin", "dest",
    ]  # fmt: skip
    assert [c.name for c in model.data.columns if not c.required] == [
        "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib",
    ]  # fmt: skip
    assert {c.name for c in model.data.columns if c.type is ColumnType.CATEGORY} == {"carrier", "origin", "dest"}


FIELDS = [
    (
        "canary_percent: 25",
        "canary_percent: 60",
        Code.OUT_OF_RANGE,
        "rollout.canary_percent",
        "60 is more than 50",
        "at least 1 and at most 50",
    ),
    (
        "canary_percent: 25",
        "canary_percent: 0",
        Code.OUT_OF_RANGE,
        "rollout.canary_percent",
        "0 is less than 1",
        "at least 1 and at most 50",
    ),
    (
        "holdout: 0.2",
        "holdout: 1",
        Code.OUT_OF_RANGE,
        "data.holdout",
        "1 is not less than 1",
        "more than 0 and less than 1",
    ),
    (
        "holdout: 0.2",
        "holdout: 0",
        Code.OUT_OF_RANGE,
        "data.holdout",
        "0 is not more than 0",
        "more than 0 and less than 1",
    ),
    (
        "bake_seconds: 300",
        "bake_secs: 300",
        Code.UNKNOWN_FIELD,
        "rollout.bake_secs",
        "is not a field of rollout",
        "did you mean bake_seconds?",
    ),
    (
        "owner: flight-operations",
        "zzz: 1",
        Code.UNKNOWN_FIELD,
        "zzz",
        "is not a field of this file",
        "this file takes approval, container",
    ),
    (
        "bake_seconds: 300",
        "bake_seconds: 1_000",
        Code.WRONG_TYPE,
        "rollout.bake_seconds",
        "1_000 is not a whole number",
        "write 1000",
    ),
    (
        "bake_seconds: 300",
        'bake_seconds: "300"',
        Code.WRONG_TYPE,
        "rollout.bake_seconds",
        "300 is not a whole number",
        "without quotes",
    ),
    (
        "bake_seconds: 300",
        "bake_seconds: 5:00",
        Code.WRONG_TYPE,
        "rollout.bake_seconds",
        "5:00 is not a whole number",
        "give a whole number",
    ),
    (
        "bake_seconds: 300",
        "bake_seconds: 3.5",
        Code.WRONG_TYPE,
        "rollout.bake_seconds",
        "3.5 is not a whole number",
        "give a whole number",
    ),
    (
        "bake_seconds: 300",
        "bake_seconds: true",
        Code.WRONG_TYPE,
        "rollout.bake_seconds",
        "true is not a whole number",
        "give a whole number",
    ),
    ("spot: true", "spot: yes", Code.WRONG_TYPE, "training.spot", "yes is not true or false", "write true"),
    ("spot: true", "spot: off", Code.WRONG_TYPE, "training.spot", "off is not true or false", "write false"),
    (
        "num_round: 100",
        "num_round: true",
        Code.WRONG_TYPE,
        "training.hyperparameters.num_round",
        "is not a number or text",
        "give a number or text",
    ),
    (
        "num_round: 100",
        "Num-Round: 100",
        Code.BAD_FORMAT,
        "training.hyperparameters.Num-Round",
        "has not the form",
        "lower-case letters",
    ),
    ("owner: flight-operations", "owner: 3", Code.WRONG_TYPE, "owner", "3 is not text", 'write it in quotes: "3"'),
    (
        "smoke_test:\n    records: 25\n    tolerance: 0.001",
        "smoke_test: 3",
        Code.WRONG_TYPE,
        "rollout.smoke_test",
        "3 is not a block",
        "name: value",
    ),
    (
        "strategy: canary",
        "strategy: canari",
        Code.NOT_A_CHOICE,
        "rollout.strategy",
        "canari is not one of",
        "did you mean canary? use one of all_at_once, canary, linear, rolling",
    ),
    (
        "period_seconds: 60",
        "period_seconds: 61",
        Code.NOT_A_CHOICE,
        "rollout.alarms.server_errors.period_seconds",
        "61 is not one of",
        "10, 30, 60, 120, 300",
    ),
    (
        "  target: arr_late",
        "  # arr_late",
        Code.FIELD_MISSING,
        "problem.target",
        "is required and missing",
        "add `target: …`",
    ),
    (
        "prefix: flight-delays/monthly/",
        "prefix: /flight",
        Code.BAD_FORMAT,
        "data.prefix",
        "/flight has not the form",
        "ends with a slash",
    ),
    (
        "prefix: flight-delays/monthly/",
        "prefix: a/../b/",
        Code.BAD_FORMAT,
        "data.prefix",
        "is . or ..",
        "write the prefix out",
    ),
    (
        "drift_threshold: 0.1",
        "drift_threshold: .nan",
        Code.WRONG_TYPE,
        "monitors.data_quality.drift_threshold",
        "is not a finite number",
        "finite",
    ),
    (
        "minimum_rows: 5000",
        "minimum_rows: " + "9" * 60,
        Code.OUT_OF_RANGE,
        "data.minimum_rows",
        "more than 40 digits",
        "shorter",
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "field", "why", "fix"), FIELDS, ids=[f[1][:30] for f in FIELDS])
def test_a_field_fault_says_where_what_why_and_how_to_mend_it(
    broken: Broken, checkout: Path, old: str, new: str, code: Code, field: str, why: str, fix: str
) -> None:
    found = [f for f in broken("model", (old, new)) if f.field == field]
    fault = only(tuple(found))
    assert (fault.file, fault.code) == (MODEL, code)
    assert why in f"{fault.value} {fault.why}", fault.render()
    assert fix in fault.fix, fault.render()
    if code is not Code.FIELD_MISSING:
        assert fault.line == line_of(checkout, MODEL, new.splitlines()[0])
        text = (checkout / MODEL).read_text().splitlines()[fault.line - 1]
        assert text[fault.column - 1 :].startswith(field.rsplit(".", 1)[-1])


def test_renders_place_code_field_reason_and_fix_in_one_line(broken: Broken, checkout: Path) -> None:
    fault = only(broken("model", ("canary_percent: 25", "canary_percent: 60")))
    line = line_of(checkout, MODEL, "canary_percent")
    assert fault.render().startswith(f"{MODEL}:{line}:3: SLW104 rollout.canary_percent: 60 is more than 50")
    assert fault.render().endswith("Fix: give a whole number, at least 1 and at most 50")
    assert "\n" not in fault.render()


LINEAR = ("strategy: canary\n  canary_percent: 25", "strategy: linear")
ROLLING = [
    ("strategy: canary\n  canary_percent: 25", "strategy: rolling\n  batch_percent: 25"),
    ("  termination_wait_seconds: 120 #", "  #"),
]
TWENTY_FIVE = ("instance_count: 4", "instance_count: 25")
FIFTEEN, THIRTY = ("instance_count: 4", "instance_count: 15"), ("instance_count: 4", "instance_count: 30")
HUNDRED, LONG = ("instance_count: 4", "instance_count: 100"), ("bake_seconds: 300", "bake_seconds: 3600")
INF1 = ("endpoint:\n  instance_type: ml.m5.large", "endpoint:\n  instance_type: ml.inf1.xlarge")
BRIEF = ("bake_seconds: 300", "bake_seconds: 299")
NO_RATES = [(f"{name}: {{", f"{name}: null #") for name in ("server_errors", "client_errors", "latency_p99")]
CLASHES = [
    (
        [("bake_seconds: 300", "bake_seconds: 3600\n  timeout_seconds: 3600")],
        "rollout.timeout_seconds",
        "3600 + termination_wait_seconds 120 = 3720",
    ),
    ([("bake_seconds: 300", "bake_seconds: 30")], "rollout.bake_seconds", "shorter than an alarm's period of 60 s"),
    (
        [
            ("server_errors: {", "server_errors: null #"),
            ("client_errors: {", "client_errors: null #"),
            ("latency_p99: {", "latency_p99: null #"),
        ],
        "rollout.alarms",
        "no alarm left",
    ),
    ([("instance_count: 4", "instance_count: 1")], "rollout.strategy", "which is no whole instance"),
    ([LINEAR, ("instance_count: 4", "instance_count: 1")], "rollout.strategy", "which is no whole instance"),
    (
        [("strategy: canary", "strategy: linear"), ("canary_percent: 25", "step_percent: 10"), FIFTEEN],
        "rollout.step_percent",
        "is 1 of endpoint.instance_count 15 in whole instances (10 % of 15 = 1.5, rounded down), which is 6.7 %",
    ),
    (
        [LINEAR, ("bake_seconds: 300", "bake_seconds: 300\n  timeout_seconds: 1020")],
        "rollout.timeout_seconds",
        "3 × bake_seconds 300 + termination_wait_seconds 120 = 1020",
    ),
    ([LINEAR, ("bake_seconds: 300", "bake_seconds: 59")], "rollout.bake_seconds", "a step would end before that alarm"),
    (
        [("strategy: canary", "strategy: linear"), ("canary_percent: 25", "step_percent: 10"), HUNDRED, LONG],
        "rollout.bake_seconds",
        "9 × bake_seconds 3600 + termination_wait_seconds 120 + 1 × 1080 to start instances",
    ),
    ([("strategy: canary", "strategy: linear")], "rollout.canary_percent", "has no meaning with strategy linear"),
    ([*ROLLING, ("batch_percent: 25", "step_percent: 25")], "rollout.step_percent", "no meaning with strategy rolling"),
    (
        [*ROLLING, ("  minimum_requests", "  termination_wait_seconds: 120\n  minimum_requests")],
        "rollout.termination_wait_seconds",
        "has no meaning with strategy rolling",
    ),
    ([*ROLLING, ("instance_count: 4", "instance_count: 1")], "rollout.strategy", "which is no whole instance"),
    (
        [*ROLLING, ("batch_percent: 25", "batch_percent: 5"), ("bake_seconds: 300", "bake_seconds: 60"), TWENTY_FIVE],
        "rollout.batch_percent",
        "(5 % of 25 = 1.25, rounded down), which is 4.0 %: SageMaker takes 5 to 50 %",
    ),
    (
        [*ROLLING, ("batch_percent: 25", "batch_percent: 10\n  rollback_batch_percent: 5"), THIRTY],
        "rollout.rollback_batch_percent",
        "which is 3.3 %: SageMaker takes 5 to 100 %",
    ),
    (
        [*ROLLING, ("bake_seconds: 300", "bake_seconds: 300\n  timeout_seconds: 1200")],
        "rollout.timeout_seconds",
        "4 × bake_seconds 300 = 1200",
    ),
    (
        [("  alarms: #", f"  alarms:\n    own: [{', '.join(f'mine-{n}' for n in range(8))}]\n    #")],
        "rollout.alarms.own",
        "makes 4 declared + 8 own = 12 alarms, and SageMaker takes at most 10",
    ),
    (
        [("  alarms: #", "  synthetic_traffic: false\n  alarms:\n    golden_answers: { period_seconds: 30 }\n    #")],
        "rollout.alarms.golden_answers",
        "without synthetic_traffic no golden record is sent",
    ),
    (
        [*NO_RATES, ("  alarms: #", "  alarms:\n    own: [mine]\n    new_fleet_only: true\n    #")],
        "rollout.alarms.new_fleet_only",
        "is about error rates and latencies",
    ),
    (
        [("  alarms: #", "  alarms:\n    monitor_violations: true\n    #")],
        "rollout.alarms.monitor_violations",
        "keeps every release out while requests have drifted",
    ),
    (
        [
            ("  alarms: #", "  alarms:\n    monitor_violations: true\n    #"),
            ("on_drift: true", "on_drift: false"),
            ("  data_quality: #", "  engine: sagemaker\n  data_quality: #"),
        ],
        "rollout.alarms.monitor_violations",
        "has nothing to watch",
    ),
    (
        [("  alarms: #", "  alarms:\n    invocations: {minimum: 5, period_seconds: 300}\n    #"), BRIEF],
        "rollout.bake_seconds",
        "shorter than an alarm's period of 300 s",
    ),
    ([INF1], "rollout.strategy", "SageMaker updates Inf1 instances all at once"),
    ([("sampling_percent: 100", "sampling_percent: 0")], "endpoint.capture.sampling_percent", "captures nothing"),
    ([("target: arr_late", "target: temp")], "data.columns[7].name", "would see the answer"),
    ([("name: dest,", "name: origin,")], "data.columns[6].name", "also the name of column 6"),
    (
        [("metric: auc, minimum: 0.75", "metric: rmse, maximum: 3")],
        "gates.absolute[0].metric",
        "does not exist for binary_classification",
    ),
    ([("    metric: auc", "    metric: mae")], "gates.champion.metric", "does not exist for binary_classification"),
    ([("minimum: 0.75", "minimum: 75")], "gates.absolute[0].minimum", "outside the scale of auc, 0 to 1"),
    ([("minimum: 0.75", "maximum: 0.75")], "gates.absolute[0].maximum", "better when larger"),
    ([(", minimum: 0.75", "")], "gates.absolute[0]", "needs one bound"),
    ([("minimum_gain: 0", "minimum_gain: 1")], "gates.champion.minimum_gain", "no challenger could pass"),
    ([("spot: true", "max_wait_seconds: 4000")], "training.max_wait_seconds", "is for spot training only"),
    (
        [("spot: true", "spot: true\n  max_wait_seconds: 3000")],
        "training.max_wait_seconds",
        "less than max_runtime_seconds 3600",
    ),
]


@pytest.mark.parametrize(("changes", "field", "why"), CLASHES, ids=[c[1] + c[2][:12] for c in CLASHES])
def test_fields_that_clash_are_told_at_the_line_to_change(
    broken: Broken, checkout: Path, changes: list[tuple[str, str]], field: str, why: str
) -> None:
    fault = only(broken("model", *changes))
    assert (fault.code, fault.field) == (Code.DISAGREEMENT, field)
    assert why in fault.why
    assert fault.fix
    text = (checkout / MODEL).read_text().splitlines()[fault.line - 1]
    leaf = field.rsplit(".", 1)[-1].partition("[")[0]
    assert text[fault.column - 1 :].startswith((leaf, "{")), text


def test_an_alarm_named_twice_is_told_at_its_entry(broken: Broken, checkout: Path) -> None:
    fault = only(broken("model", ("  alarms: #", "  alarms:\n    own: [mine, mine]\n    #")))
    assert (fault.code, fault.field, fault.value) == (Code.DISAGREEMENT, "rollout.alarms.own[1]", "mine")
    assert fault.line == line_of(checkout, MODEL, "own: [mine")
    assert fault.why == "is also entry 1"


PLATFORM = [
    (
        'account: "111122223333"',
        "account: 012345678901",
        Code.ACCOUNT_UNQUOTED,
        "environments[0].account",
        'write account: "012345678901"',
    ),
    (
        'account: "111122223333"',
        'account: "1111"',
        Code.BAD_FORMAT,
        "environments[0].account",
        "twelve digits in quotes",
    ),
    (
        'account: "111122223333"',
        'account: "١١١١٢٢٢٢٣٣٣٣"',
        Code.BAD_FORMAT,
        "environments[0].account",
        "twelve digits in quotes",
    ),
    ("region: eu-west-1", "region: eu-west", Code.BAD_FORMAT, "environments[0].region", "such as eu-west-1"),
    ("name: slipway", "name: Slipway_1", Code.BAD_FORMAT, "name", "lower-case letters and digits"),
    ("name: slipway", "name: s", Code.OUT_OF_RANGE, "name", "2 to 20 characters"),
    ("email: []", "email: [nobody]", Code.BAD_FORMAT, "notifications.email[0]", "a mail address"),
    ("roles: [build, serve]", "roles: [serve]", Code.DISAGREEMENT, "environments[0].roles", "the role build"),
    ("roles: [build, serve]", "roles: []", Code.OUT_OF_RANGE, "environments[0].roles", "at least 1 entries"),
    ("cost-centre: machine", "aws:x: machine", Code.DISAGREEMENT, "tags.aws:x", "rename the tag"),
    ("cost-centre: machine", "platform: machine", Code.DISAGREEMENT, "tags.platform", "rename the tag"),
    ("cost-centre: machine", f"{'k' * 129}: machine", Code.DISAGREEMENT, f"tags.{'k' * 59}…", "shorten it"),
    (
        "connection_arn: arn:aws",
        "connection_arn: arn:nothing",
        Code.BAD_FORMAT,
        "toolchain.source.connection_arn",
        "CodeConnections",
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "field", "fix"), PLATFORM, ids=[p[1][:24] for p in PLATFORM])
def test_platform_faults(broken: Broken, old: str, new: str, code: Code, field: str, fix: str) -> None:
    fault = only(broken("platform", (old, new)))
    assert (fault.file, fault.code, fault.field) == ("platform.yaml", code, field)
    assert fix in fault.fix, fault.render()


TEXTS = [
    (b"", Code.EMPTY, 1, "holds no fields"),
    (b"# only a comment\n", Code.EMPTY, 1, "holds no fields"),
    (b"name: a\n\tx: 1\n", Code.SYNTAX, 2, "a tab stands where YAML wants spaces"),
    (b"name: [a\n", Code.SYNTAX, 2, "not YAML"),
    (b"a: 1\nb: *nobody\n", Code.SYNTAX, 2, "undefined alias"),
    (b"a: \x07\n", Code.SYNTAX, 1, "is not allowed in YAML"),
    (b"ok: 1\nb: \xff\n", Code.FILE_UNREADABLE, 2, "is not UTF-8: byte 0xff"),
    (b"name: ab\nname: cd\n", Code.DUPLICATE_KEY, 2, "the first is in line 1"),
    (b"a: 1\n---\nb: 2\n", Code.UNSUPPORTED_YAML, 2, "a second document"),
    (b"a: !!python/object:os.system x\n", Code.UNSUPPORTED_YAML, 1, "the tag"),
    (b"a: &x [*x]\n", Code.TOO_LARGE, 1, "an alias contains itself"),
    (b"[" * 60, Code.TOO_LARGE, 1, "nested deeper than 20"),
    (b"x" * 300_000, Code.TOO_LARGE, 0, "more than 262144 bytes"),
    (b"? [a]\n: 1\n", Code.SYNTAX, 1, "name must be text"),
    (b'a: "\\ud800"\n', Code.SYNTAX, 1, "half a character"),
    (b'a: "\\UFFFFFFFF"\n', Code.SYNTAX, 1, "not YAML"),
    (b"a: !!int x\n", Code.WRONG_TYPE, 1, "is not a int"),
    (b"- a\n", Code.WRONG_TYPE, 1, "is not a block"),
    (b"just text\n", Code.WRONG_TYPE, 1, "is not a block"),
]


@pytest.mark.parametrize(("data", "code", "line", "why"), TEXTS, ids=[t[3][:20] for t in TEXTS])
def test_files_that_are_no_declaration(checkout: Path, data: bytes, code: Code, line: int, why: str) -> None:
    (checkout / "platform.yaml").write_bytes(data)
    with pytest.raises(DeclarationError) as raised:
        load(checkout)
    found = [f for f in raised.value.faults if f.code is code and why in f.why]
    assert found, str(raised.value)
    assert found[0].line == line
    assert found[0].fix


def test_an_alias_bomb_is_refused_in_no_time(checkout: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (checkout / "platform.yaml").write_text("\n".join(lines))
    with pytest.raises(DeclarationError) as raised:
        load(checkout)
    assert [f.why for f in raised.value.faults if f.code is Code.TOO_LARGE] == [
        "aliases expand to more than any declaration holds"
    ]


def test_merge_keys_are_explained(broken: Broken) -> None:
    faults = broken("model", ("endpoint:\n", "endpoint:\n  <<: {instance_count: 3}\n"))
    assert any("merge keys" in f.fix for f in faults)


def test_yaml_1_1_words_stay_text(checkout: Path) -> None:
    path = checkout / "platform.yaml"
    path.write_text(
        path.read_text().replace("cost-centre: machine-learning", "a: no\n  b: on\n  c: 12:30:45\n  d: 2020-01-01")
    )
    assert load(checkout).platform.tags == {"a": "no", "b": "on", "c": "12:30:45", "d": "2020-01-01"}


def test_all_faults_of_all_files_come_at_once_in_order(checkout: Path, broken: Broken) -> None:
    platform = checkout / "platform.yaml"
    platform.write_text(platform.read_text().replace("retention: destroy", "retention: never"))
    faults = broken(
        "model", ("canary_percent: 25", "canary_percent: 60"), ("sampling_percent: 100", "sampling_percent: 0"),
        ("spot: true", "spot: on"), ("bake_seconds: 300", "bake_seconds: 30"),
    )  # fmt: skip
    assert [f.field for f in faults] == [
        "training.spot", "endpoint.capture.sampling_percent", "rollout.canary_percent", "rollout.bake_seconds",
        "environments[0].retention",
    ]  # fmt: skip
    assert list(faults) == sorted(faults)


def test_a_clash_that_rests_on_a_faulty_field_is_not_told(broken: Broken) -> None:
    fault = only(broken("model", ("instance_count: 4", 'instance_count: "1"')))
    assert fault.field == "endpoint.instance_count"


def test_files_and_folders(checkout: Path) -> None:
    (checkout / "platform.yaml").rename(checkout / "platform.yml")
    (checkout / "models" / "empty").mkdir()
    (checkout / "models" / "stray.yaml").write_text("x")
    (checkout / "models" / "dir" / "model.yaml").mkdir(parents=True)
    (checkout / "models" / ".hidden").mkdir()
    with pytest.raises(DeclarationError) as raised:
        load(checkout)
    told = {f.file: (f.code, f.fix) for f in raised.value.faults}
    assert told["platform.yaml"] == (Code.FILE_MISSING, "rename platform.yml to platform.yaml")
    assert told["models/empty/model.yaml"][0] is Code.FILE_MISSING
    assert told["models/stray.yaml"][1] == "move it to models/stray/model.yaml"
    assert told["models/dir/model.yaml"][0] is Code.FILE_UNREADABLE
    assert len(told) == 4


def test_a_pipe_in_place_of_a_file_does_not_hang(checkout: Path) -> None:
    (checkout / "platform.yaml").unlink()
    os.mkfifo(checkout / "platform.yaml")
    with pytest.raises(DeclarationError, match="SLW102"):
        load(checkout)


def test_no_models_is_a_platform_without_models(checkout: Path) -> None:
    (checkout / "models").rename(checkout / "elsewhere")
    assert load(checkout).models == ()


def test_models_that_is_a_file_is_told(checkout: Path) -> None:
    (checkout / "models").rename(checkout / "elsewhere")
    (checkout / "models").write_text("")
    with pytest.raises(DeclarationError, match="SLW102"):
        load(checkout)


def test_folder_and_name_must_agree(checkout: Path) -> None:
    (checkout / "models" / "flight-delays").rename(checkout / "models" / "late")
    with pytest.raises(DeclarationError) as raised:
        load(checkout)
    fault = only(raised.value.faults)
    assert (fault.code, fault.fix) == (Code.FOLDER_NAME, "write name: late, or rename the folder to flight-delays")


def copy_model(checkout: Path, name: str, *, declared: str | None = None) -> None:
    folder = checkout / "models" / name
    folder.mkdir()
    text = (checkout / MODEL).read_text()
    (folder / "model.yaml").write_text(text.replace("name: flight-delays", f"name: {declared or name}", 1))


def test_two_models_of_one_name_are_told(checkout: Path) -> None:
    copy_model(checkout, "aaa", declared="flight-delays")
    with pytest.raises(DeclarationError) as raised:
        load(checkout)
    fault = only(raised.value.faults)
    assert (fault.code, fault.file) == (Code.NAMES_COLLIDE, "models/aaa/model.yaml")
    assert MODEL in fault.why


def test_names_that_make_the_same_stack_are_told(checkout: Path) -> None:
    copy_model(checkout, "x-1")
    copy_model(checkout, "x1")
    with pytest.raises(DeclarationError) as raised:
        load(checkout)
    assert "both make stacks named …-X1" in only(raised.value.faults).why


def test_names_that_make_the_same_endpoint_are_told(checkout: Path) -> None:
    copy_model(checkout, "ab")
    copy_model(checkout, "ab-cd")
    path = checkout / "platform.yaml"
    extra = '  - {name: cd-dev, account: "111122223333", region: eu-west-1}\n'
    path.write_text(path.read_text().replace("\n# Who hears", f"{extra}\n# Who hears"))
    with pytest.raises(DeclarationError) as raised:
        load(checkout)
    assert "both make the endpoint ab-cd-dev" in only(raised.value.faults).why


def test_environments_of_one_name_or_one_stage_are_told(broken: Broken) -> None:
    extra = '  - {name: dev, account: "111122223333", region: eu-west-1}\n'
    fault = only(broken("platform", ("\n# Who hears", f"{extra}\n# Who hears")))
    assert (fault.field, fault.why) == ("environments[1].name", "is also the name of environment 1")


def test_does_not_depend_on_the_environment(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(checkout)
    for name in ("LANG", "LC_ALL", "TZ", "AWS_REGION", "PYTHONIOENCODING"):
        monkeypatch.setenv(name, "C")
    assert load(checkout) == before


def test_line_breaks_in_a_description_become_spaces(checkout: Path) -> None:
    path = checkout / MODEL
    text = path.read_text()
    start = text.index("description:")
    path.write_text(text[:start] + "description: >\n  one\n\n  two\n" + text[text.index("\n", start) + 1 :])
    assert load(checkout).models[0].description == "one two"


TOKENS = st.sampled_from(
    [
        "name",
        ":",
        ": ",
        "\n",
        "  ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a",
        "*a",
        "!!int",
        "|",
        ">",
        "'",
        '"',
        "#",
        "null",
        "?",
        "environments",
        "account",
        "roles",
        "012",
        "1e400",
        "\t",
        "---",
        "...",
        "%YAML 1.2",
        "<<",
        ",",
        "\ufeff",
        "\\u0000",
    ]
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.lists(TOKENS, max_size=40).map("".join), st.text(max_size=200)), file=st.booleans())
def test_any_text_gives_declarations_or_a_declaration_error(tmp_path: Path, text: str, file: bool) -> None:
    (tmp_path / "models" / "m").mkdir(parents=True, exist_ok=True)
    for path, wanted in ((tmp_path / "platform.yaml", file), (tmp_path / "models" / "m" / "model.yaml", not file)):
        path.write_bytes(text.encode("utf-8", "surrogatepass") if wanted else b"name: ab\n")
    try:
        found = load(tmp_path)
    except DeclarationError as error:
        assert error.faults
        for fault in error.faults:
            assert fault.why and fault.fix
            assert fault.render().isprintable()
    else:
        assert isinstance(found, Declarations)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_field_gives_declarations_or_a_declaration_error(
    tmp_path: Path, root: Path, data: st.DataObject
) -> None:
    import yaml

    (tmp_path / "models" / "flight-delays").mkdir(parents=True, exist_ok=True)
    (tmp_path / "platform.yaml").write_bytes((root / "platform.yaml").read_bytes())
    whole = yaml.safe_load((root / MODEL).read_text())
    block, key = whole, data.draw(st.sampled_from(sorted(whole)))
    while isinstance(block[key], dict) and block[key] and data.draw(st.booleans()):
        block = block[key]
        key = data.draw(st.sampled_from(sorted(block)))
    block[key] = data.draw(JSON)
    (tmp_path / MODEL).write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    try:
        load(tmp_path)
    except DeclarationError as error:
        assert all(f.why and f.fix and f.render().isprintable() for f in error.faults)


@pytest.mark.parametrize(
    ("prices", "code", "field"),
    [
        ("{ ml.m5.large: { per_hour: 0 } }", Code.OUT_OF_RANGE, "prices.ml.m5.large.per_hour"),
        ("{ ml.m5.large: { per_hour: 1, currency: usd } }", Code.BAD_FORMAT, "prices.ml.m5.large.currency"),
        ("{ m5: { per_hour: 1 } }", Code.BAD_FORMAT, "prices.m5"),
    ],
)
def test_a_price_that_is_none_is_told(
    broken: Callable[..., tuple[Fault, ...]], prices: str, code: Code, field: str
) -> None:
    (fault,) = broken("platform", ("environments:", f"prices: {prices}\nenvironments:"))
    assert (fault.code, fault.field) == (code, field)
