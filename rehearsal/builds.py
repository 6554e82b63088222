"""CodeBuild projects that run `docker build` and `docker push`, done without Docker and under the project's role."""

import contextvars
import copy
import io
import json
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.adapter import scope_of_request
from rehearsal.emulator import EmulatorHost, write_log
from rehearsal.host import Image
from rehearsal.images import MANIFEST_TYPE, BuildError
from rehearsal.runtime import Runtime

# What docker push asks of the registry before it puts the manifest.
_LAYERS = ("InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "BatchCheckLayerAvailability")


def refusing_missing_images(ecr_handler: Callable[..., Any]) -> Callable[..., Any]:
    """ECR's handler, whose DescribeImages answers an empty list for an image that is not there; the service refuses."""
    from ministack.services import ecr

    async def handle(method: str, path: str, headers: dict[str, str], body: Any, query: dict[str, Any]) -> Any:
        if headers.get("x-amz-target", "").endswith(".DescribeImages"):
            data = json.loads(body or "{}")
            repository = data.get("repositoryName", "")
            for wanted in data.get("imageIds") or ():
                if repository in ecr._repositories and ecr._find_image(repository, wanted) is None:
                    words = (
                        f"The image with imageId {{imageDigest:'{wanted.get('imageDigest', 'null')}', imageTag:"
                        f"'{wanted.get('imageTag', 'null')}'}} does not exist within the repository with name"
                        f" '{repository}' in the registry with id '{ecr._registry_id()}'"
                    )
                    return ecr.error_response_json("ImageNotFoundException", words, 400)
        return await ecr_handler(method, path, headers, body, query)

    return handle


def start_build(_: Callable[[Mapping[str, Any]], Any], runtime: Runtime) -> Callable[[Mapping[str, Any]], Any]:
    """StartBuild that really builds, with the request's overrides."""
    from ministack.services import codebuild

    def start(data: Mapping[str, Any]) -> Any:
        name = data.get("projectName", "")
        if name not in codebuild._projects:
            return codebuild.error_response_json("ResourceNotFoundException", f"Project not found: {name}", 400)
        project = copy.deepcopy(codebuild._projects[name])
        identity = codebuild._build_id(name)
        build = codebuild._make_build_record(project, identity, data.get("sourceVersion"))
        now = int(runtime.clock.now())
        build.pop("endTime", None)
        build.update(startTime=now, buildStatus="IN_PROGRESS", currentPhase="SUBMITTED", buildComplete=False)
        build["phases"] = [{"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED", "startTime": now, "endTime": now}]
        variables = {
            item["name"]: item["value"]
            for item in [
                *((project.get("environment") or {}).get("environmentVariables") or []),
                *(data.get("environmentVariablesOverride") or []),
            ]
        }
        location = data.get("sourceLocationOverride") or (project.get("source") or {}).get("location", "")
        codebuild._builds[identity] = build
        context = contextvars.copy_context()
        arguments = (_run, build, project, variables, str(location), runtime)
        threading.Thread(target=context.run, args=arguments, daemon=True, name=f"build-{name}").start()
        return codebuild.json_response({"build": copy.deepcopy(build)})

    return start


def _run(
    build: dict[str, Any], project: Mapping[str, Any], variables: Mapping[str, str], location: str, runtime: Runtime
) -> None:
    from ministack.services import codebuild

    def say(*lines: str) -> None:
        write_log(build["logs"]["groupName"], build["logs"]["streamName"], lines, runtime.clock)

    workspace = Path(tempfile.mkdtemp(prefix="build-"))
    phase = "DOWNLOAD_SOURCE"
    try:
        role = str(project.get("serviceRole", ""))
        _unpack(location, role, workspace, runtime)
        codebuild._record_phase(build, phase, "SUCCEEDED")
        phase = "BUILD"
        if not (project.get("environment") or {}).get("privilegedMode"):
            raise BuildError("Cannot connect to the Docker daemon: the project's environment is not privileged")
        repository, tag = _destination(variables)
        image, manifest = runtime.images.build(workspace, repository, variables.get("DOCKERFILE", "Dockerfile"))
        say(f"Successfully built {image.digest}")
        codebuild._record_phase(build, phase, "SUCCEEDED")
        phase = "POST_BUILD"
        _push(image, tag, manifest, role, runtime)
        runtime.images.add(image)
        say(f"{tag}: digest: {image.digest} size: {len(manifest)}")
        codebuild._record_phase(build, phase, "SUCCEEDED")
        status = "SUCCEEDED"
    except (BuildError, ClientError, BotoCoreError, OSError, zipfile.BadZipFile, ValueError) as error:
        say(f"[Container] Phase {phase} failed: {error}")
        codebuild._record_phase(build, phase, "FAILED")
        build["phases"][-1]["contexts"] = [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": str(error)}]
        status = "FAILED"
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    if build["buildStatus"] == "IN_PROGRESS":  # else it was stopped
        codebuild._finish_build(build, status)
        build["buildComplete"] = True
        _tell(build, project, runtime)


def _unpack(location: str, role: str, workspace: Path, runtime: Runtime) -> None:
    bucket, _, key = location.removeprefix("arn:aws:s3:::").partition("/")
    if not bucket or not key:
        raise BuildError(f"the source location {location!r} is not <bucket>/<key of a zip file>")
    client = EmulatorHost(runtime).client("s3", role, scope_of_request(), "CodeBuild")
    content = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise BuildError(f"the source archive holds a path outside itself: {name}")
        archive.extractall(workspace)


def _destination(variables: Mapping[str, str]) -> tuple[str, str]:
    repository = variables.get("REPOSITORY_URI") or variables.get("REPOSITORY_NAME")
    tag = variables.get("IMAGE_TAG")
    if not repository or not tag:
        raise BuildError("set the environment variables REPOSITORY_URI and IMAGE_TAG on the project or the build")
    scope = scope_of_request()
    host = f"{scope.account}.dkr.ecr.{scope.region}.amazonaws.com/"
    return (repository if "/" in repository and ".dkr.ecr." in repository else host + repository), tag


def _push(image: Image, tag: str, manifest: str, role: str, runtime: Runtime) -> None:
    repository = image.repository_uri
    from rehearsal.authority import DeniedError
    from rehearsal.permissions import Need

    scope, name = scope_of_request(), repository.partition("/")[2]
    arn = f"arn:aws:ecr:{scope.region}:{scope.account}:repository/{name}"
    client = EmulatorHost(runtime).client("ecr", role, scope, "CodeBuild")
    client.get_authorization_token()
    try:
        runtime.authority.require(role, "CodeBuild", [Need(f"ecr:{action}", arn) for action in _LAYERS], scope)
    except DeniedError as denied:
        raise BuildError(f"denied: {denied}") from None
    try:
        client.put_image(
            repositoryName=name, imageManifest=manifest, imageManifestMediaType=MANIFEST_TYPE, imageTag=tag
        )
    except client.exceptions.ImageTagAlreadyExistsException:
        if runtime.images.digest_of(f"{repository}:{tag}") != image.digest:
            raise
        # The same bytes under the same tag: docker push calls that success, immutable or not.


def _tell(build: Mapping[str, Any], project: Mapping[str, Any], runtime: Runtime) -> None:
    detail = {
        "build-id": build["arn"],
        "build-status": build["buildStatus"],
        "project-name": project["name"],
        "current-phase": "COMPLETED",
    }
    EmulatorHost(runtime).publish(
        "aws.codebuild", "CodeBuild Build State Change", [build["arn"]], detail, scope_of_request()
    )
