"""Containers that do what they should not: bounded, told in FailureReason, nothing left."""

import time
from pathlib import Path

import pytest

from rehearsal.sagemaker import Limits, SageMaker
from rehearsal.sagemaker.objects import regular_files

ESCAPED = """
child = subprocess.Popen([sys.executable, '-c', '''
import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(%r, "w").write(str(os.getpid()))
time.sleep(60)
''' % path('model/pid')], start_new_session=True)
while not (os.path.exists(path('model/pid')) and read('model/pid')): time.sleep(0.01)
"""


@pytest.fixture
def tight(jobs, tmp_path):
    """A cloud whose volumes hold 64 KiB for each GB, and whose containers are ended soon."""
    limits = Limits(volume_gb_bytes=64 << 10, job_grace_seconds=1, job_grace_floor_seconds=1)
    jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "tight", limits)
    yield jobs
    jobs.kit.sm.close()


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.fault("B08")
def test_a_daemon_that_left_the_process_group_ends_with_its_job(jobs):
    job = jobs.trained(ESCAPED)
    assert job["TrainingJobStatus"] == "Completed", job
    pid = int(jobs.model_files()["pid"])
    jobs.kit.until(lambda: not _alive(pid), 5)


def test_a_full_volume_ends_the_job_and_says_so(tight):
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 2}
    job = tight.trained("write('output/data/big', 'x' * 200_000); wait()", ResourceConfig=resources)
    assert job["TrainingJobStatus"] == "Failed"
    assert "No space left on device: algo-1 uses" in job["FailureReason"]
    assert "131072 bytes" in job["FailureReason"]


def test_a_container_that_ignores_sigterm_is_killed(tight):
    tight.train("signal.signal(signal.SIGTERM, signal.SIG_IGN); wait()")
    tight.waiting()
    tight.kit.call("StopTrainingJob", TrainingJobName="job")
    assert tight.kit.ended("Training")["TrainingJobStatus"] == "Stopped"
    assert tight.kit.sm.processes() == []


def test_too_much_memory_is_told(jobs, tmp_path):
    sm = jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "small", Limits(memory_share=0.003))
    job = jobs.trained("block = bytearray(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 100); wait()")
    assert "algo-1 was ended: out of memory" in job["FailureReason"]
    sm.close()


def test_a_flood_of_output_neither_blocks_nor_fills_memory(jobs):
    job = jobs.trained(
        "os.write(1, b'x' * 1000 + b'\\n') and [os.write(1, (b'y' * 999 + b'\\n') * 64) for _ in range(500)]"
    )
    assert job["TrainingJobStatus"] == "Completed", job
    kept = jobs.kit.host.logs["/aws/sagemaker/TrainingJobs"]
    assert sum(len(line) for line in kept) < 20 << 20
    assert any("log truncated" in line for line in kept)


@pytest.mark.parametrize(
    "trick",
    [
        "os.rmdir(path('model')); os.symlink('/etc', path('model'))",
        "os.symlink('/etc/passwd', path('model/passwd')); os.symlink('/etc', path('model/etc'))",
        "os.mkfifo(path('model/pipe'))",
    ],
)
def test_links_and_pipes_in_the_model_lead_nowhere(jobs, trick):
    job = jobs.trained(f"{trick}; write('output/data/ok', 'ok')")
    assert job["TrainingJobStatus"] in ("Completed", "Failed")
    if job["TrainingJobStatus"] == "Failed":
        assert "leaves the container's own directory" in job["FailureReason"]
    assert ("artefacts", "runs/job/output/model.tar.gz") not in jobs.objects


def test_a_folder_that_became_a_link_is_not_followed_to_its_files(jobs, tmp_path):
    outside = tmp_path / "outside"
    (outside / "data").mkdir(parents=True)
    (outside / "data" / "secret").write_text("secret")
    job = jobs.trained(
        f"os.rmdir(path('output/data')); os.rmdir(path('output')); os.symlink({str(outside)!r}, path('output'))"
    )
    assert "leaves the container's own directory" in job["FailureReason"]
    assert not jobs.objects
    (tmp_path / "link").symlink_to(outside)
    assert regular_files(tmp_path / "link") == []
    assert regular_files(outside) == [outside / "data" / "secret"]


@pytest.mark.parametrize(
    "trick",
    [
        "os.mkfifo(path('output/failure'))",
        "os.symlink('/etc/passwd', path('output/failure'))",
        "os.rmdir(path('output/data')); os.rmdir(path('output')); os.symlink('/etc', path('output'))",
    ],
)
def test_a_failure_file_that_is_none_is_not_read(jobs, trick):
    reason = jobs.trained(f"{trick}; sys.exit(3)")["FailureReason"]
    assert "root:" not in reason
    assert "exit code: 3" in reason or "leaves the container's own directory" in reason


def test_a_long_failure_text_is_cut_to_what_the_api_holds(jobs):
    reason = jobs.trained("write('output/failure', 'ä' * 5000); sys.exit(3)")["FailureReason"]
    assert len(reason) <= 1024
    assert reason.startswith("AlgorithmError: ää")
    assert reason.endswith("exit code: 3")


def test_what_cannot_be_deleted_easily_is_deleted(jobs):
    deep = "os.chdir(path('output'))\nfor _ in range(1100): os.mkdir('d'); os.chdir('d')\nos.chmod('.', 0)"
    job = jobs.trained(deep)
    assert job["TrainingJobStatus"] in ("Completed", "Failed")
    jobs.kit.until(lambda: not list((jobs.kit.root / "jobs").iterdir()))


def test_a_fork_bomb_is_ended(jobs, monkeypatch):
    monkeypatch.setattr("rehearsal.sagemaker.processes.Budget.__init__", _few_processes)
    code = """
for _ in range(60):
    if os.fork() == 0:
        time.sleep(60)
wait()
"""
    began = time.monotonic()
    job = jobs.trained(code)
    assert "it started more than 20 processes" in job["FailureReason"]
    assert time.monotonic() - began < 10
    assert jobs.kit.sm.processes() == []


def _few_processes(self, memory_bytes=None, processes=20):
    object.__setattr__(self, "memory_bytes", memory_bytes)
    object.__setattr__(self, "processes", processes)


def test_home_and_temporary_files_lie_in_the_jobs_own_directory(jobs):
    jobs.trained(
        "import tempfile; write('model/report.json', json.dumps([tempfile.mkdtemp(), os.path.expanduser('~')]))"
    )
    for place in jobs.model_json():
        assert Path(place).is_relative_to(jobs.kit.root / "jobs")
        assert not Path(place).exists()
