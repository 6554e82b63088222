"""Errors as the SageMaker API words and numbers them."""


class ServiceError(Exception):
    """A refusal by the service: `code` is the modelled error's name, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ServiceError:
    """What SageMaker answers to almost every wrong request: ValidationException, which its model does not list."""
    return ServiceError("ValidationException", message)


def not_found(message: str) -> ServiceError:
    """The modelled error of the APIs that list ResourceNotFound; the others answer ValidationException."""
    return ServiceError("ResourceNotFound", message)


def conflict(message: str) -> ServiceError:
    """What another change got in the way of, or what the resource's state does not allow."""
    return ServiceError("ConflictException", message)


def not_emulated(what: str) -> ServiceError:
    """Loud refusal of a feature that the embedded cloud lacks: never a silent success."""
    return invalid(
        f"The embedded cloud does not run {what}. Leave it out of the rehearsal, or try it on a real account."
    )
