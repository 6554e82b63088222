"""What the trial's endpoint needs before it can be made: an image that answers with its MODE, and a model artefact."""

import io
import tarfile
import time
import zipfile

from rehearsal.cloud import Cloud

SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self): self.answer(b"")
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(os.environ["MODE"].encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12\nWORKDIR /opt/program\nCOPY serve.py .\nENTRYPOINT ["python", "serve.py"]\n'


def fill(cloud: Cloud) -> None:
    """The image and the model artefact that the endpoint needs."""
    stack = cloud.client("cloudformation").describe_stacks(StackName="TrialBase")["Stacks"][0]
    made = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    source, packed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("Dockerfile", DOCKERFILE)
        archive.writestr("serve.py", SERVER)
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("model.txt"), io.BytesIO(b""))
    s3, builds = cloud.client("s3"), cloud.client("codebuild")
    s3.put_object(Bucket=made["Bucket"], Key="source.zip", Body=source.getvalue())
    s3.put_object(Bucket=made["Bucket"], Key="model.tar.gz", Body=packed.getvalue())
    identity = builds.start_build(projectName=made["Project"])["build"]["id"]
    deadline = time.monotonic() + 30
    while (status := builds.batch_get_builds(ids=[identity])["builds"][0]["buildStatus"]) == "IN_PROGRESS":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status == "SUCCEEDED"
