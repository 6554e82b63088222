"""Container images without a container engine: a Dockerfile laid out as a directory, and a real OCI manifest in ECR."""

import hashlib
import json
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from rehearsal.host import Image, ImageNotFoundError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_RECORDED_ONLY = ("FROM", "RUN", "EXPOSE", "USER", "ARG", "STOPSIGNAL", "HEALTHCHECK", "SHELL", "VOLUME", "MAINTAINER")


class BuildError(Exception):
    """The build fails; the text is for its log."""


@dataclass
class Recipe:
    """What a Dockerfile says, as far as running the code on this machine needs it."""

    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    copies: list[tuple[list[str], str]] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)


def parse(dockerfile: str) -> Recipe:
    """Read a Dockerfile. RUN and FROM are recorded, not run: this project's own environment stands in for them."""
    recipe = Recipe()
    for number, line in _instructions(dockerfile):
        name, _, rest = line.partition(" ")
        name, rest = name.upper(), rest.strip()
        if name == "WORKDIR":
            recipe.workdir = str(PurePosixPath(recipe.workdir) / rest)
        elif name in ("ENV", "LABEL"):
            (recipe.environment if name == "ENV" else recipe.labels).update(_pairs(rest))
        elif name in ("ENTRYPOINT", "CMD"):
            words = _exec_form(name, rest, number)
            if name == "ENTRYPOINT":
                recipe.entrypoint = words
            else:
                recipe.command = words
        elif name in ("COPY", "ADD"):
            words = [word for word in _words(rest) if not word.startswith("--")]
            if "--from=" in rest:
                recipe.recorded.append(line)
            elif len(words) < 2:
                raise BuildError(f"Dockerfile line {number}: {name} needs a source and a destination")
            else:
                destination = str(PurePosixPath(recipe.workdir) / words[-1])
                recipe.copies.append((words[:-1], destination + ("/" if words[-1].endswith(("/", ".")) else "")))
        elif name in _RECORDED_ONLY:
            recipe.recorded.append(line)
        else:
            raise BuildError(f"Dockerfile line {number}: unknown instruction {name}")
    return recipe


def _instructions(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        first = first if pending else number
        pending += line.removesuffix("\\") + (" " if line.endswith("\\") else "")
        if not line.endswith("\\"):
            found.append((first, pending))
            pending = ""
    if pending:
        found.append((first, pending))
    return found


def _words(text: str) -> list[str]:
    return [str(word) for word in json.loads(text)] if text.startswith("[") else shlex.split(text)


def _pairs(text: str) -> dict[str, str]:
    words = shlex.split(text)
    if words and "=" not in words[0]:  # the old form: ENV name value
        return {words[0]: " ".join(words[1:])}
    return dict(word.split("=", 1) for word in words)


def _exec_form(name: str, text: str, number: int) -> list[str]:
    if not text.startswith("["):
        raise BuildError(f'Dockerfile line {number}: write {name} in exec form, ["program", "argument"]')
    return _words(text)


class Images:
    """All images of the cloud: their files in the state directory, their identity in the emulator's registry."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._images: dict[str, Image] = {}
        self._stand_ins: dict[str, str] = {}

    def build(self, source: Path, repository_uri: str, dockerfile: str = "Dockerfile") -> tuple[Image, str]:
        """Lay the image out. Returns it with its manifest; the digest depends on nothing but the content."""
        path = source / dockerfile
        if not path.is_file():
            raise BuildError(f"unable to prepare context: no {dockerfile} in the source. Put one at its root.")
        recipe = parse(path.read_text(encoding="utf-8"))
        command = [*recipe.entrypoint, *recipe.command]
        if not command:
            raise BuildError(f"{dockerfile} has neither ENTRYPOINT nor CMD: SageMaker could not start the container")
        staging = self._directory / f"staging-{hashlib.sha256(str(source).encode()).hexdigest()[:12]}"
        shutil.rmtree(staging, ignore_errors=True)
        for sources, destination in recipe.copies:
            _copy(source, sources, destination, staging)
        (staging / recipe.workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
        manifest = _manifest(recipe, staging)
        digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
        root = self._directory / digest.removeprefix("sha256:")
        if root.exists():
            shutil.rmtree(staging)
        else:
            staging.rename(root)
        program = [sys.executable if command[0] in ("python", "python3") else command[0], *command[1:]]
        image = Image(repository_uri, digest, root / recipe.workdir.lstrip("/"), tuple(program), recipe.environment)
        return image, manifest

    def snapshot(self) -> dict[str, Any]:
        """Every image's description, and what stands in for what; the files stay where they are."""
        images = [
            {
                "repository_uri": image.repository_uri,
                "digest": image.digest,
                "directory": str(image.directory.relative_to(self._directory)),
                "entrypoint": list(image.entrypoint),
                "environment": dict(image.environment),
            }
            for image in list(self._images.values())
        ]
        return {"images": images, "stand_ins": self._stand_ins}

    def resume(self, kept: dict[str, Any]) -> None:
        """Know the images of a snapshot again, as far as their files are there."""
        self._stand_ins = dict(kept["stand_ins"])
        for one in kept["images"]:
            directory = self._directory / one["directory"]
            if directory.is_dir():
                entrypoint = tuple(one["entrypoint"])
                self.add(Image(one["repository_uri"], one["digest"], directory, entrypoint, one["environment"]))

    def add(self, image: Image) -> None:
        """The push succeeded: the image can be run from now on."""
        self._images[image.resolved] = image

    def stand_in(self, repository: str, uri: str) -> None:
        """Run this image wherever one of a repository that cannot be had here is asked for, in whatever account.

        `repository` is the name after the last slash, such as sagemaker-model-monitor-analyzer.
        """
        self.find(uri)
        self._stand_ins[repository] = uri

    def find(self, uri: str) -> Image:
        """By `repository:tag` or `repository@sha256:…`; only what the registry still holds."""
        name = uri.rpartition("/")[2].partition("@")[0].partition(":")[0]
        if name in self._stand_ins and uri != self._stand_ins[name]:
            uri = self._stand_ins[name]
        repository, digest = self._resolve(uri)
        image = self._images.get(f"{repository}@{digest}")
        if image is None:
            raise ImageNotFoundError(
                f"{uri} is in the registry, but no build of this cloud made it: start its build project"
            )
        return image

    def digest_of(self, uri: str) -> str:
        """The digest that the registry holds under a tag."""
        return self._resolve(uri)[1]

    @staticmethod
    def _resolve(uri: str) -> tuple[str, str]:
        from ministack.services import ecr

        from rehearsal.emulator import within
        from rehearsal.host import Scope

        by_digest = "@" in uri
        repository, _, reference = uri.partition("@") if by_digest else uri.rpartition(":")
        host, _, name = repository.partition("/")
        labels = host.split(".")
        if not name or len(labels) < 4:
            raise ImageNotFoundError(
                f"{uri} is not <account>.dkr.ecr.<region>.<domain>/<repository> with :tag or @digest"
            )
        held: list[dict[str, Any]] = within(Scope(labels[0], labels[3]), ecr._images.get, name) or []
        for image in held:
            if reference == image["imageDigest"] or (not by_digest and reference in image.get("imageTags", [])):
                return repository, image["imageDigest"]
        raise ImageNotFoundError(f"Requested image {uri} not found.")


def _copy(context: Path, sources: list[str], destination: str, root: Path) -> None:
    target = root / destination.lstrip("/")
    for pattern in sources:
        matches = sorted(context.glob(pattern)) if pattern not in (".", "./") else [context]
        if not matches:
            raise BuildError(f'COPY failed: "{pattern}" not found in the build context')
        for match in matches:
            if not match.resolve().is_relative_to(context.resolve()):
                raise BuildError(f'COPY failed: forbidden path outside the build context: "{pattern}"')
            if match.is_dir():
                shutil.copytree(match, target, dirs_exist_ok=True)
            else:
                into = (
                    target / match.name if destination.endswith("/") or len(matches) > 1 or len(sources) > 1 else target
                )
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(match, into)


def _manifest(recipe: Recipe, root: Path) -> str:
    files = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": [f"{key}={value}" for key, value in sorted(recipe.environment.items())],
                "Entrypoint": recipe.entrypoint,
                "Cmd": recipe.command,
                "WorkingDir": recipe.workdir,
                "Labels": dict(sorted(recipe.labels.items())),
            },
            "history": [{"created_by": line} for line in recipe.recorded],
            "rootfs": {"type": "layers", "files": files},
        },
        sort_keys=True,
    ).encode()
    layer = json.dumps(files, sort_keys=True).encode()

    def blob(kind: str, content: bytes) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": len(content)}

    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": blob("config.v1+json", config),
            "layers": [blob("layer.v1.tar+gzip", layer)],
        },
        sort_keys=True,
    )
