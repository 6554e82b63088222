"""Distances and tolerances: right on what has drifted, quiet on fair samples."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest


@pytest.fixture(scope="session")
def modules():
    from monitor import capture, checks, constraints, drift, profile, sketch

    return capture, checks, constraints, drift, profile, sketch


def columns(random, n):
    """Skewed, discrete, gappy and categorical with a long tail: what monitoring data is like."""
    names = np.array([f"t{i}" for i in range(400)])
    weights = 1 / np.arange(1, 401) ** 1.3
    found = {
        "delay": [f"{v:.1f}" for v in random.exponential(20, n)],
        "hour": [str(v) for v in random.integers(5, 24, n)],
        "gust": ["" if m else f"{v:.2f}" for m, v in zip(random.random(n) < 0.3, random.normal(20, 5, n), strict=True)],
        "rare": ["" if m else "1" for m in random.random(n) < 0.002],
        "tail": names[random.choice(400, n, p=weights / weights.sum())].tolist(),
    }
    for i in range(6):
        found[f"n{i}"] = [f"{v:.3f}" for v in random.normal(i, 1, n)]
    return found


def test_fair_windows_raise_no_false_alarm(modules):
    """200 windows of 500 records: drawn from the baseline, and fresh from the same population."""
    capture, checks, constraints, _, profile, _ = modules
    random = np.random.default_rng(7)
    data = columns(random, 20_000)
    profiles = [profile.Profile(name, texts) for name, texts in data.items()]
    statistics, rules = profile.statistics(profiles, 20_000), constraints.suggest(profiles)
    alarms = {"drawn": 0, "fresh": 0}
    for _ in range(200):
        rows = random.choice(20_000, 500, replace=False)
        for kind, window in (
            ("drawn", {k: [v[i] for i in rows] for k, v in data.items()}),
            ("fresh", columns(random, 500)),
        ):
            captured = capture.Captured(list(window), list(zip(*window.values(), strict=True)), 500)
            found = checks.check(captured, [profile.Profile(k, v) for k, v in window.items()], rules, statistics)
            alarms[kind] += bool(found.violations)
    assert alarms["drawn"] <= 2
    assert alarms["fresh"] <= 2


def test_the_tolerance_still_sees_real_faults(modules):
    """The same checks, on 500 records each with one real fault."""
    capture, checks, constraints, _, profile, _ = modules
    random = np.random.default_rng(8)
    data = columns(random, 20_000)
    profiles = [profile.Profile(name, texts) for name, texts in data.items()]
    statistics, rules = profile.statistics(profiles, 20_000), constraints.suggest(profiles)
    faults = {
        ("delay", "baseline_drift_check"): lambda w: w.update(delay=[f"{float(v) * 2:.1f}" for v in w["delay"]]),
        ("gust", "completeness_check"): lambda w: w.update(gust=["" if i % 2 else v for i, v in enumerate(w["gust"])]),
        ("rare", "completeness_check"): lambda w: w.update(rare=["" if i < 15 else "1" for i in range(500)]),
        ("tail", "categorical_values_check"): lambda w: w.update(tail=["new"] * 25 + w["tail"][25:]),
        ("hour", "data_type_check"): lambda w: w.update(hour=["noon", *w["hour"][1:]]),
        ("hour", "completeness_check"): lambda w: w.update(hour=["", *w["hour"][1:]]),
    }
    for wanted, spoil in faults.items():
        window = columns(random, 500)
        spoil(window)
        captured = capture.Captured(list(window), list(zip(*window.values(), strict=True)), 500)
        found = checks.check(captured, [profile.Profile(k, v) for k, v in window.items()], rules, statistics)
        assert {(v["feature_name"], v["constraint_check_type"]) for v in found.violations} == {wanted}


@pytest.mark.parametrize("n", [1, 2047, 2048, 2049, 10_001, 50_000])
def test_the_sketch_is_within_its_rank_error_and_weighs_every_value(modules, n):
    *_, sketch = modules
    values = np.random.default_rng(n).exponential(1, n)
    stored = sketch.distribution(values)
    assert sum(b["count"] for b in stored["kll"]["buckets"]) == n
    known = sketch.Cumulative(stored, n)
    assert known.is_exact
    exact = np.searchsorted(np.sort(values), values, side="right") / n
    assert np.abs(known.at(values) - exact).max() <= 1 / 1024


def test_numerical_distance_is_the_two_sample_kolmogorov_smirnov_statistic(modules):
    *_, drift, _, sketch = modules
    from scipy.stats import ks_2samp

    random = np.random.default_rng(3)
    a, b = random.normal(0, 1, 1500), np.round(random.normal(0.3, 1.2, 400), 1)
    known = sketch.Cumulative(sketch.distribution(a), len(a))
    assert drift.numerical(b, known) == pytest.approx(ks_2samp(a, b).statistic)


def test_buckets_alone_are_compared_at_their_ends(modules):
    *_, drift, _, sketch = modules
    stored = {"kll": {"buckets": [{"lower_bound": 0, "upper_bound": 1, "count": 5.0}, {"lower_bound": 1, "upper_bound": 2, "count": 5.0}]}}  # fmt: skip # noqa: E501
    known = sketch.Cumulative(stored, 10)
    assert not known.is_exact
    assert drift.numerical(np.array([0.2, 0.7, 1.2, 1.7]), known) == 0
    assert drift.numerical(np.array([0.2, 0.7, 0.8, 0.9]), known) == 0.5
    # A value on an end belongs to the bucket above, as when the buckets were counted.
    assert drift.numerical(np.array([0.5, 0.5, 1.0, 1.0]), known) == 0


def test_categorical_distance_and_correction(modules):
    *_, drift, _, _ = modules
    assert drift.categorical({"a": 3, "c": 1}, {"a": 5, "b": 5}) == 0.5
    assert drift.corrected(0.3, 500, 4000, "Simple") == 0.3
    assert drift.corrected(0.3, 500, 4000, "Robust") == pytest.approx(0.3 - 1.8 * (4500 / 2_000_000) ** 0.5)
    assert drift.corrected(0.01, 500, 4000, "Robust") == 0


@pytest.mark.parametrize(("count", "n", "share"), [(1, 10, 0.1), (3, 50, 0.02), (40, 50, 0.9), (9, 500, 0.002)])
def test_the_binomial_tail_is_exact(modules, count, n, share):
    *_, drift, _, _ = modules
    p = Fraction(str(share))
    exact = sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(count, n + 1))
    assert drift.chance_of_at_least(count, n, share) == pytest.approx(float(exact))
    assert drift.chance_of_at_least(0, n, share) == 1
    assert drift.chance_of_at_least(1, n, 0) == 0
