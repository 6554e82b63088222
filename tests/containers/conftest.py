"""The containers' code as real processes in a directory laid out as /opt/ml."""

import io
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CONTAINERS = Path(__file__).parents[2] / "containers"
for image in ("tabular", "monitor"):  # each image's directory is a source root, as its WORKDIR is in the image
    sys.path.insert(0, str(CONTAINERS / image))

COLUMNS = [
    {"name": "distance", "type": "number", "required": True},
    {"name": "carrier", "type": "category", "required": True},
    {"name": "wind", "type": "number", "required": False},
]
SCHEMA = {"problem": "binary_classification", "target": "late", "columns": COLUMNS}
HEADER = "distance,carrier,wind,late"


@dataclass
class Job:
    """One container run: `base` stands for /opt/ml."""

    base: Path
    image: str = "tabular"
    env: dict[str, str] = field(default_factory=dict)

    def put(self, path: str, content: str | bytes | dict[str, Any]) -> Path:
        target = self.base / path
        target.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(content) if isinstance(content, dict) else content
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        return target

    def environment(self, **env: str) -> dict[str, str]:
        base = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(self.base), "SLIPWAY_BIND_HOST": "127.0.0.1"}
        return {**base, **self.env, **env}

    def start(self, command: str = "", **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", self.image, *command.split()],
            cwd=CONTAINERS / self.image,
            env=self.environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        process = self.start(command, **env)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def ok(self, command: str, **env: str) -> str:
        done = self.run(command, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self, path: str) -> str:
        return (self.base / path).read_text()

    def json(self, path: str) -> Any:
        return json.loads(self.text(path))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "ml")


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[..., Job]:
    def make(name: str, image: str = "tabular") -> Job:
        return Job(tmp_path / name, image)

    return make


def rows(count: int, seed: int = 1) -> list[str]:
    """`distance,carrier,wind,late`: the label follows from the inputs, with noise; wind is missing now and then."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        distance, carrier = chance.randrange(100, 3000), chance.choice(["AA", "B6", "UA"])
        wind = "" if chance.random() < 0.05 else f"{chance.uniform(0, 40):.2f}"
        late = int((float(wind or 20) > 25) ^ (carrier == "B6" and distance > 1500) ^ (chance.random() < 0.05))
        found.append(f"{distance},{carrier},{wind},{late}")
    return found


@pytest.fixture(scope="session")
def raw_rows() -> Callable[..., list[str]]:
    return rows


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """prepared/, model/ and model.tar.gz of one real preparation and training. Tests copy and never write here."""
    root = tmp_path_factory.mktemp("trained")
    prepare = Job(root / "prepare")
    prepare.put("processing/input/raw/part-0.csv", "\n".join([HEADER, *rows(3000), ""]))
    prepare.put("processing/input/config/schema.json", SCHEMA)
    prepare.ok("prepare")
    train = Job(root / "train")
    shutil.copytree(root / "prepare/processing/output/train", root / "train/input/data/train")
    train.put("input/data/config/schema.json", SCHEMA)
    train.put("input/config/hyperparameters.json", {"num_round": "20", "max_depth": '"4"'})
    (root / "log.txt").write_text(train.ok("train"))
    (root / "train/model").rename(root / "model")
    (root / "prepare/processing/output").rename(root / "prepared")
    with tarfile.open(root / "model.tar.gz", "w:gz") as tar:
        tar.add(root / "model", arcname=".")
    yield root


@pytest.fixture
def training_job(job: Job, trained: Path) -> Job:
    """All that `train` needs."""
    shutil.copytree(trained / "prepared/train", job.base / "input/data/train")
    job.put("input/data/config/schema.json", SCHEMA)
    return job


@pytest.fixture
def evaluation_job(job: Job, trained: Path) -> Job:
    """All that `evaluate` needs, with the challenger as its own champion left to the test."""
    shutil.copytree(trained / "prepared/holdout", job.base / "processing/input/holdout")
    job.put("processing/input/config/schema.json", SCHEMA)
    job.put("processing/input/model/model.tar.gz", (trained / "model.tar.gz").read_bytes())
    return job


@dataclass
class Server:
    """A serving container."""

    process: subprocess.Popen[str]
    url: str

    def call(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, str]:
        """Status, content type, text."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        request = urllib.request.Request(self.url + path, data=body, headers=named)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, reply.headers["content-type"], reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["content-type"], error.read().decode()

    def invoke(self, body: str | bytes, content_type: str = "text/csv", **headers: str) -> tuple[int, str, str]:
        data = body.encode() if isinstance(body, str) else body
        return self.call("/invocations", data, Content_Type=content_type, **headers)


def serve(job: Job, **env: str) -> Server:
    """Started, and answering /ping."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(job.start("serve", SAGEMAKER_BIND_TO_PORT=str(port), **env), f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.call("/ping")[0] == 200:
                return server
        except OSError:
            time.sleep(0.02)  # poll interval: the port is not open yet
    server.process.kill()
    raise AssertionError(server.process.communicate())


@pytest.fixture(scope="session")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("serve")
    shutil.copytree(trained / "model", base / "model")
    found = serve(Job(base))
    yield found
    found.process.terminate()
    found.process.communicate(timeout=30)


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(job: Job, **env: str) -> Server:
        started.append(serve(job, **env))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def archive_of() -> Callable[..., bytes]:
    """A tar.gz of named contents, or of ready TarInfo objects for what a normal archive does not hold."""

    def make(files: dict[str, bytes] | list[tuple[tarfile.TarInfo, bytes]], **options: Any) -> bytes:
        members = []
        for name, data in files.items() if isinstance(files, dict) else ():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            members.append((info, data))
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz", **options) as tar:
            for info, data in members or files:
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()

    return make
