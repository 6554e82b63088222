"""Serving: requests/s of the tabular container against a bare ASGI "ok" under the same server in the same run.

    python benchmarks/serving.py [seconds]

The bare application is the physical limit of uvicorn, httptools and uvloop here; what ours takes more is parsing,
encoding and 100 trees. Rounds are interleaved, so that a busy neighbour slows both. Prints start-up and memory too.
"""

import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TABULAR = Path(__file__).parents[1] / "containers" / "tabular"
CONNECTIONS, ROUNDS = 4, 3
ROW = b"500,AA,12.5\n"
BARE = """
import sys, uvicorn
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="error",
            lifespan="off")
"""


def train(base: Path) -> None:
    """A model of 100 trees on 20,000 rows with three columns."""
    rows = [f"{(i * 7) % 3 == 0:d},{i % 2900},{'AA' if i % 3 else 'UA'},{i % 41}.5" for i in range(20_000)]
    columns = [{"name": n, "type": t} for n, t in (("distance", "number"), ("carrier", "category"), ("wind", "number"))]
    schema = {"problem": "binary_classification", "target": "late", "columns": columns}
    for name in ("train", "config"):
        (base / "input/data" / name).mkdir(parents=True)
    (base / "input/data/train/train.csv").write_text("\n".join(["late,distance,carrier,wind", *rows, ""]))
    (base / "input/data/config/schema.json").write_text(json.dumps(schema))
    subprocess.run(
        [sys.executable, "-m", "tabular", "train"],
        cwd=TABULAR,
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(base)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def start(arguments: list[str], port: int, base: Path) -> tuple[subprocess.Popen[bytes], float]:
    """The server and the seconds until its first answer."""
    env = {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": str(port), "SLIPWAY_BIND_HOST": "127.0.0.1"}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=TABULAR, env={**os.environ, **env})
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/ping")
            connection.getresponse().read()
            return process, time.perf_counter() - began
        except OSError:
            if process.poll() is not None:
                raise SystemExit("the server did not start") from None
            time.sleep(0.01)


def receive(connection: socket.socket) -> None:
    """One whole answer of status 200, by its content-length."""
    reply = b""
    while (end := reply.find(b"\r\n\r\n")) < 0:
        reply += connection.recv(65536)
    if not reply.startswith(b"HTTP/1.1 200"):
        raise SystemExit(reply[:200])
    length = int(reply[:end].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    left = length - (len(reply) - end - 4)
    while left > 0:
        left -= len(connection.recv(65536))


def load(port: int, body: bytes, seconds: float) -> tuple[float, float]:
    """Requests/s, median latency in ms. Raw sockets: an HTTP client in Python would be slower than the server."""
    request = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\ncontent-length: %d\r\n\r\n%b"
    request = request % (len(body), body)
    taken: list[float] = []
    deadline = time.perf_counter() + seconds

    def client() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while (began := time.perf_counter()) < deadline:
                connection.sendall(request)
                receive(connection)
                taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken) / seconds, statistics.median(taken) * 1000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    base = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    started = []
    try:
        train(base)
        ports = free_port(), free_port()
        ours, ours_ready = start(["-m", "tabular", "serve"], ports[0], base)
        started.append(ours)
        bare, bare_ready = start(["-c", BARE, str(ports[1])], ports[1], base)
        started.append(bare)
        rounds = [(load(ports[0], ROW, seconds), load(ports[1], ROW, seconds)) for _ in range(ROUNDS)]
        batch = [load(ports[0], ROW * 1000, seconds / 2)[0] * 1000 for _ in range(ROUNDS)]
        resident = int(Path(f"/proc/{ours.pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024
    finally:
        for process in started:
            process.terminate()
            process.wait(30)
        shutil.rmtree(base)
    ours_rate, bare_rate = (statistics.median(r[i][0] for r in rounds) for i in (0, 1))
    latency = statistics.median(r[0][1] for r in rounds)
    print(f"one row      {ours_rate:8.0f} requests/s, median {latency:.2f} ms with {CONNECTIONS} connections")
    print(f"bare ASGI    {bare_rate:8.0f} requests/s; ours is {ours_rate / bare_rate:.2f} of it")
    print(f"1000 rows    {statistics.median(batch):8.0f} rows/s")
    print(f"first answer {ours_ready:8.2f} s (bare {bare_ready:.2f} s), resident {resident:.0f} MiB")


if __name__ == "__main__":
    main()
