"""The images: their Dockerfiles and locks."""

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = {"tabular": {"numpy", "xgboost-cpu", "uvicorn", "httptools", "uvloop"}, "monitor": {"numpy"}}


def blocks(path: Path) -> dict[str, list[str]]:
    """Pin and hashes of each requirement (one text a Python version), without comments."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"(?m)^(?=[a-z0-9][\w.-]*==)", path.read_text())[1:]:
        lines = [line for line in part.rstrip().splitlines() if not line.lstrip().startswith("#")]
        found.setdefault(part.split("==")[0], []).append("\n".join(lines).rstrip())
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_the_lock_is_cut_from_the_root_lock(image):
    root, own = blocks(ROOT / "requirements.txt"), blocks(ROOT / "containers" / image / "requirements.txt")
    assert set(own) >= IMAGES[image]
    for name, texts in own.items():
        assert texts == root[name]
        assert all("--hash=sha256:" in text for text in texts)


@pytest.mark.parametrize("image", IMAGES)
def test_the_lock_is_closed(image):
    own = blocks(ROOT / "containers" / image / "requirements.txt")
    for name in own:
        for wanted in importlib.metadata.requires(name) or []:
            if ";" not in wanted:
                assert re.match(r"[\w.-]+", wanted)[0].lower() in own, f"{name} needs {wanted}"


@pytest.mark.parametrize("image", IMAGES)
def test_the_dockerfile_is_what_sagemaker_wants(image):
    text = (ROOT / "containers" / image / "Dockerfile").read_text()
    instructions = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert instructions[-1] == f'ENTRYPOINT ["python", "-m", "{image}"]'
    assert f"COPY {image} ./{image}" in instructions
    assert "--require-hashes" in text
    assert not [line for line in instructions if "/opt/ml" in line]


def test_commands_load_only_what_they_need(job):
    """Start-up time and memory: no server in evaluation, no XGBoost in preparation."""
    import subprocess

    def loaded(module):
        code = f"import sys, tabular.{module}; print(*sys.modules)"
        directory = ROOT / "containers" / "tabular"
        return set(subprocess.check_output([sys.executable, "-c", code], cwd=directory, text=True).split())

    assert not {"uvicorn", "uvloop"} & loaded("evaluate")
    assert not {"xgboost", "uvicorn"} & loaded("prepare")
