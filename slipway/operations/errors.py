"""Failures that a person can mend. Codes are stable; `docs/errors.md` lists them."""

from typing import Any


class Failure(Exception):
    """What is wrong, where, and how to mend it; the command line prints exactly that."""

    def __init__(self, code: str, what: str, *, where: str = "", fix: str, exit_code: int = 1) -> None:
        self.code, self.what, self.where, self.fix, self.exit_code = code, what, where, fix, exit_code
        super().__init__(f"{what} Fix: {fix}")

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"code": self.code, "what": self.what, "where": self.where, "fix": self.fix}


def of_aws(error: Exception, where: str = "") -> Failure:
    """A botocore exception as a failure with its fix."""
    from botocore import exceptions as aws

    text = " ".join(str(error).split())
    if isinstance(error, aws.ProfileNotFound):
        return Failure(
            "SLW301", f"{text}.", where=where, fix="set AWS_PROFILE to a profile of ~/.aws/config, or unset it"
        )
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError):
        fix = "log in (aws sso login, or AWS_PROFILE), or start the embedded cloud: slipway cloud up"
        return Failure("SLW301", "There are no usable AWS credentials.", where=where, fix=fix)
    if isinstance(error, aws.TokenRetrievalError | aws.SSOTokenLoadError | aws.UnauthorizedSSOTokenError):
        return Failure("SLW301", "The AWS login has expired.", where=where, fix="log in again: aws sso login")
    if isinstance(error, aws.ClientError):
        return _of_answer(error, text, where)
    if isinstance(error, aws.ConnectionError | aws.HTTPClientError):
        fix = "check the network, a proxy, and that AWS_ENDPOINT_URL is not set to something that is gone"
        return Failure("SLW304", f"AWS cannot be reached: {text}", where=where, fix=fix)
    return Failure(
        "SLW305", f"AWS could not be asked: {text}", where=where, fix="see the message; slipway doctor may tell more"
    )


def _of_answer(error: Any, text: str, where: str) -> Failure:
    code = error.response.get("Error", {}).get("Code", "")
    action = error.operation_name
    if code in {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}:
        return Failure("SLW301", "The AWS login has expired.", where=where, fix="log in again: aws sso login")
    if code in {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
    }:
        return Failure(
            "SLW301", f"AWS does not accept these credentials ({code}).", where=where, fix="log in again, or fix AWS_*"
        )
    if code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}:
        return Failure("SLW303", f"{action} is denied: {text}", where=where, fix=f"use a role that may call {action}")
    return Failure("SLW305", f"{action} failed: {text}", where=where, fix="see the message above")
