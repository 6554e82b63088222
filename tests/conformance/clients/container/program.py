"""A whole model in the standard library: `train` learns a mean, `serve` adds it to the sum of each row."""

import csv
import io
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def train() -> None:
    rows = [row for path in (BASE / "input/data/train").glob("*.csv") for row in csv.reader(path.open())]
    values = [float(cell) for row in rows for cell in row]
    (BASE / "model/model.json").write_text(json.dumps({"mean": sum(values) / len(values)}))
    print(f"mean={sum(values) / len(values):.3f};", flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mean = 0.0

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sums = [sum(map(float, row)) + self.mean for row in csv.reader(io.StringIO(text))]
        self._answer("\n".join(f"{one:.3f}" for one in sums).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve() -> None:
    Handler.mean = json.loads((BASE / "model/model.json").read_text())["mean"]
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    {"train": train, "serve": serve}[sys.argv[1]]()
