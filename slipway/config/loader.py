"""`load(root)`: platform.yaml and models/*/model.yaml as typed objects, or every fault in all of them at once.

Depends on nothing but the files: not on the environment, the locale, the clock or the order a file system lists names.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from slipway.config import names
from slipway.config.base import Declared
from slipway.config.base import Path as FieldPath
from slipway.config.errors import Code, DeclarationError, Fault, printable
from slipway.config.explain import Explainer, dotted
from slipway.config.model import Model
from slipway.config.platform import Platform
from slipway.config.yaml_core import MAX_BYTES, Place, read

PLATFORM_FILE = "platform.yaml"
MODELS_FOLDER = "models"
MODEL_FILE = "model.yaml"
_PASSES = 8

T = TypeVar("T", bound=Declared)


@dataclass(frozen=True)
class Declarations:
    """All that users declare. `models` is sorted by name."""

    platform: Platform
    models: tuple[Model, ...]


@dataclass(frozen=True)
class _Loaded:
    """One file after reading: its object when there is one, and where its fields stand."""

    file: str
    folder: str
    declared: Declared | None
    name: str
    places: dict[FieldPath, Place]


def load(root: Path) -> Declarations:
    """Raises DeclarationError with every fault of every file."""
    faults: list[Fault] = []
    platform = _load(root, root / PLATFORM_FILE, Platform, faults)
    models = [_load(root, path, Model, faults) for path in _model_files(root, faults)]
    _check_folders(models, faults)
    if not faults and isinstance(platform.declared, Platform):
        declared = tuple(m.declared for m in models if isinstance(m.declared, Model))
        _check_collisions(platform.declared, models, faults)
        if not faults:
            return Declarations(platform.declared, tuple(sorted(declared, key=lambda m: m.name)))
    raise DeclarationError(faults)


def _model_files(root: Path, faults: list[Fault]) -> list[Path]:
    folder = root / MODELS_FOLDER
    try:
        if not folder.exists():
            return []
        entries = sorted(folder.iterdir())
        for stray in (e for e in entries if e.suffix in {".yaml", ".yml"} and e.is_file()):
            fix = f"move it to {MODELS_FOLDER}/{printable(stray.stem)}/{MODEL_FILE}"
            faults.append(_of_file(_relative(root, stray), Code.FILE_MISSING, "a model needs a folder of its own", fix))
        return [e / MODEL_FILE for e in entries if e.is_dir() and not e.name.startswith((".", "_"))]
    except OSError as error:
        why = f"cannot be listed: {error.strerror or error}"
        faults.append(
            _of_file(_relative(root, folder), Code.FILE_UNREADABLE, why, "make it a folder that you may read")
        )
        return []


def _load(root: Path, path: Path, kind: type[T], faults: list[Fault]) -> _Loaded:
    file = _relative(root, path)
    text = _text(path, file, faults)
    if text is None:
        return _Loaded(file, path.parent.name, None, "", {})
    document = read(text)
    explainer = Explainer(file, _schema(kind), document.places)
    for p in document.problems:
        faults.append(Fault(file, p.line, p.column, p.code, dotted(p.path), p.value, p.why, p.fix))
    name = document.value.get("name") if isinstance(document.value, dict) else None
    declared = None
    if not document.problems or isinstance(document.value, dict):
        declared = _validate(kind, document.value, explainer, faults, {p.path for p in document.problems})
    return _Loaded(file, path.parent.name, declared, name if isinstance(name, str) else "", document.places)


def _text(path: Path, file: str, faults: list[Fault]) -> str | None:
    try:
        if not path.exists():
            twin = path.with_suffix(".yml")
            fix = (
                f"rename {twin.name} to {path.name}"
                if twin.exists()
                else "create it: docs/declarations.md has an example"
            )
            faults.append(_of_file(file, Code.FILE_MISSING, "there is no such file", fix))
            return None
        if not path.is_file():
            faults.append(_of_file(file, Code.FILE_UNREADABLE, "is not a regular file", "put a YAML file there"))
            return None
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        faults.append(_of_file(file, Code.FILE_UNREADABLE, why, "check the file's permissions"))
        return None
    if len(data) > MAX_BYTES:
        why, fix = f"has more than {MAX_BYTES} bytes", "a declaration is a few kilobytes: is it the right file?"
        faults.append(_of_file(file, Code.TOO_LARGE, why, fix))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        why = f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        faults.append(Fault(file, line, 1, Code.FILE_UNREADABLE, "", "", why, "save it as UTF-8"))
        return None


def _validate(kind: type[T], value: Any, explainer: Explainer, faults: list[Fault], broken: set[FieldPath]) -> T | None:
    """Validate; then again without the optional fields found faulty.

    Pydantic checks a block's whole only when its parts are right, and people want all faults at once.
    """
    removed: set[FieldPath] = set(broken)
    known: set[FieldPath] = set(broken)
    for attempt in range(_PASSES):
        try:
            # Through JSON: only JSON input in strict mode takes text for an enum and yet no text for a number.
            declared = kind.model_validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            found = [f for e in error.errors(include_url=False) for f in explainer.faults(dict(e))]
        else:
            return declared if attempt == 0 and not broken else None
        for path, reads, fault in found:
            if path in known or any(_touch(gone, p) for gone in removed for p in (path, *reads)):
                continue
            known.add(path)
            faults.append(fault)
        paths = {path for path, _, _ in found}
        if not any(_drop(value, path) for path in paths):
            return None
        removed |= paths
    return None


def _touch(a: FieldPath, b: FieldPath) -> bool:
    shared = min(len(a), len(b))
    return a[:shared] == b[:shared]


def _drop(value: Any, path: FieldPath) -> bool:
    """Take a mapping's field out, so that its default stands in. List items stay: their numbers would move."""
    for part in path[:-1]:
        inside = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if not inside:
            return False
        value = value[part]
    if path and isinstance(value, dict) and path[-1] in value:
        del value[path[-1]]
        return True
    return False


def _check_folders(models: list[_Loaded], faults: list[Fault]) -> None:
    first: dict[str, str] = {}
    for m in sorted(models, key=lambda m: (m.name != m.folder, m.file)):
        if not m.name:
            continue
        place = m.places.get(("name",), Place(1, 1))
        if m.name in first:
            why = f"is also the name of {first[m.name]}: they would share a registry and an endpoint"
            faults.append(_at(m.file, place, Code.NAMES_COLLIDE, m.name, why, "rename one, folder and field alike"))
        elif m.name != m.folder:
            fix = f"write name: {printable(m.folder, 60)}, or rename the folder to {printable(m.name, 60)}"
            why = f"differs from the folder's name {printable(m.folder, 60)}"
            faults.append(_at(m.file, place, Code.FOLDER_NAME, m.name, why, fix))
        first.setdefault(m.name, m.file)


def _check_collisions(platform: Platform, models: list[_Loaded], faults: list[Fault]) -> None:
    """Names that differ and still give the same stack or endpoint."""
    stages: dict[str, str] = {}
    for at, environment in enumerate(platform.environments):
        stage = names.stage(environment)
        if stage in stages:
            why = f"and {stages[stage]} both make the stage {stage}"
            faults.append(
                Fault(
                    PLATFORM_FILE,
                    1,
                    1,
                    Code.NAMES_COLLIDE,
                    f"environments[{at}].name",
                    environment.name,
                    why,
                    "rename one",
                )
            )
        stages.setdefault(stage, environment.name)
    ids: dict[str, str] = {}
    endpoints: dict[tuple[str, str, str], str] = {}
    for loaded in models:
        model, place = loaded.declared, loaded.places.get(("name",), Place(1, 1))
        if not isinstance(model, Model):
            continue
        id_ = names.model_id(model)
        if id_ in ids:
            why = f"and {ids[id_]} both make stacks named …-{id_}"
            faults.append(
                _at(loaded.file, place, Code.NAMES_COLLIDE, model.name, why, "rename one, folder and field alike")
            )
        ids.setdefault(id_, model.name)
        for environment in platform.environments:
            key = (environment.account, environment.region, names.endpoint(model, environment))
            owner = f"{model.name} in {environment.name}"
            if key in endpoints:
                why = f"in {environment.name} and {endpoints[key]} both make the endpoint {key[2]}"
                faults.append(
                    _at(loaded.file, place, Code.NAMES_COLLIDE, model.name, why, "rename the model or the environment")
                )
            endpoints.setdefault(key, owner)


def _at(file: str, place: Place, code: Code, value: str, why: str, fix: str) -> Fault:  # noqa: PLR0917
    return Fault(file, place.line, place.column, code, "name", printable(value, 60), why, fix)


def _of_file(file: str, code: Code, why: str, fix: str) -> Fault:
    return Fault(file, 0, 0, code, "", "", why, fix)


def _relative(root: Path, path: Path) -> str:
    return printable(path.relative_to(root).as_posix())


@cache
def _schema(kind: type[Declared]) -> dict[str, Any]:
    return kind.model_json_schema()
