"""Dockerfiles laid out as directories."""

from pathlib import Path

import pytest

from rehearsal.images import BuildError, Images, parse

DOCKERFILE = """# syntax comment
FROM python:3.12-slim@sha256:00
WORKDIR /opt/program
ENV A=1 B="two words"
COPY --chown=app:app requirements.txt \\
     ./
COPY src/ ./src/
LABEL team=ml
ENTRYPOINT ["python", "-m", "src"]
CMD ["serve"]
"""


def context(path: Path, dockerfile: str = DOCKERFILE) -> Path:
    (path / "src").mkdir(parents=True)
    (path / "src" / "__main__.py").write_text("print(1)", encoding="utf-8")
    (path / "requirements.txt").write_text("", encoding="utf-8")
    (path / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    return path


def test_copies_into_the_workdir_and_runs_this_interpreter(tmp_path: Path) -> None:
    import sys

    image, _ = Images(tmp_path / "images").build(context(tmp_path / "source"), "r")
    assert image.directory.joinpath("src/__main__.py").is_file()
    assert image.directory.joinpath("requirements.txt").is_file()
    assert image.entrypoint == (sys.executable, "-m", "src", "serve")
    assert image.environment == {"A": "1", "B": "two words"}


def test_the_digest_follows_content_and_configuration_only(tmp_path: Path) -> None:
    images = Images(tmp_path / "images")
    same = {images.build(context(tmp_path / name), "r")[0].digest for name in ("a", "b")}
    changed = images.build(context(tmp_path / "c", DOCKERFILE.replace("A=1", "A=2")), "r")[0].digest
    assert len(same) == 1
    assert changed not in same


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM a\nENTRYPOINT python -m x", "line 2: write ENTRYPOINT in exec form"),
        ("FROM a\nCOPYY a b", "line 2: unknown instruction COPYY"),
        ("FROM a\nCOPY a", "line 2: COPY needs a source and a destination"),
    ],
)
def test_a_wrong_line_is_named(text: str, words: str) -> None:
    with pytest.raises(BuildError, match=words):
        parse(text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("COPY ../secret /x", "outside the build context|not found"),
        ("COPY missing /x", 'COPY failed: "missing" not found'),
    ],
)
def test_a_copy_that_cannot_be_made_fails(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "secret").write_text("s", encoding="utf-8")
    source = context(tmp_path / "source", f'FROM a\n{line}\nCMD ["x"]\n')
    with pytest.raises(BuildError, match=words):
        Images(tmp_path / "images").build(source, "r")


def test_no_command_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="neither ENTRYPOINT nor CMD"):
        Images(tmp_path / "images").build(context(tmp_path / "source", "FROM a\n"), "r")
