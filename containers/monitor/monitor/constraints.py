"""`constraints.json`: what a baseline suggests, and what a run must read as it stands, never assume."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monitor.faults import Fault
from monitor.files import read_json
from monitor.profile import NUMERIC, STRING, Profile

DEFAULT_THRESHOLD = 0.1
DOMAIN_AT_MOST = 1000
"""A column with more values than this is free text, not a set to stay within."""
METHODS = ("Simple", "Robust")


def suggest(profiles: Sequence[Profile], threshold: float = DEFAULT_THRESHOLD) -> dict[str, Any]:
    """With the defaults of Model Monitor's own image."""
    return {
        "version": 0.0,
        "features": [_feature(p) for p in profiles],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": threshold,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": threshold,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def _feature(p: Profile) -> dict[str, Any]:
    rows = len(p.texts)
    found = {
        "name": p.name,
        "inferred_type": p.inferred_type,
        "completeness": len(p.present) / rows if rows else 0.0,
    }
    if p.inferred_type in NUMERIC:
        found["num_constraints"] = {"is_non_negative": bool((p.values >= 0).all())}
    elif p.inferred_type == STRING and len(p.counts) <= DOMAIN_AT_MOST:
        found["string_constraints"] = {"domains": sorted(p.counts)}
    return found


def read(path: Path) -> dict[str, Any]:
    """Checked for what this container cannot do."""
    document = read_json(path, "baseline_constraints")
    for feature in document["features"]:
        settings = config(document, feature)
        distance = settings["distribution_constraints"]
        if distance.get("comparison_method", "Robust") not in METHODS:
            raise Fault(f"{path}: comparison_method is {distance['comparison_method']!r}, not Simple or Robust")
        if distance.get("categorical_drift_method", "LInfinity") != "LInfinity":
            raise Fault(f"{path}: categorical_drift_method ChiSquared is not supported here: set LInfinity")
        thresholds = [settings.get("datatype_check_threshold", 1.0), settings.get("domain_content_threshold", 1.0)]
        thresholds += [distance.get(k, 0.1) for k in ("comparison_threshold", "categorical_comparison_threshold")]
        thresholds.append(feature.get("completeness", 0.0))
        if not all(isinstance(t, int | float) and not isinstance(t, bool) and 0 <= t <= 1 for t in thresholds):
            raise Fault(f"{path}: a threshold of feature {feature['name']!r} is not a number from 0 to 1")
    return document


def config(document: dict[str, Any], feature: dict[str, Any]) -> dict[str, Any]:
    """monitoring_config as it holds for one feature, with its overrides."""
    general, own = document.get("monitoring_config") or {}, feature.get("monitoringConfigOverrides") or {}
    merged: dict[str, Any] = {**general, **own}
    merged["distribution_constraints"] = {
        **(general.get("distribution_constraints") or {}),
        **(own.get("distribution_constraints") or {}),
    }
    return merged
