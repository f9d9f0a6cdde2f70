"""What an error of MLflow, of its HTTP client or of an artifact store means to us."""

from dataclasses import dataclass
from typing import Final

import requests
import urllib3

from core.errors import Refused, StileError, Unavailable

_AWAY_CODES: Final = frozenset({"TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED"})
_AWAY_STATUSES: Final = frozenset({408, 502, 503, 504})
_TRY_LATER_CODES: Final = frozenset(
    {"INTERNAL_ERROR", "INVALID_STATE", "DATA_LOSS", "CANCELLED", "ABORTED", "RESOURCE_CONFLICT"}
    | {"REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
)
_MOST_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class TranslatedFailure:
    """A translated error; `away` when the whole server is, `dropped` when a connection was lost."""

    error: StileError
    away: bool = False
    dropped: bool = False


def translate(error: Exception, *, host: str, timeout_s: float) -> TranslatedFailure | None:
    """What the error means, or None when it is not MLflow's but a mistake in our own code."""
    from mlflow.exceptions import MlflowException

    cause = _transport_cause(error)
    if cause is not None:
        return _no_answer(cause, host=host, timeout_s=timeout_s)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _status(error.response.status_code, error, host=host)
    if isinstance(error, MlflowException):
        return _code(error.error_code, error, host=host)
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return TranslatedFailure(Refused("MLflow lists no such artifact any more; reload the run."))
    if isinstance(error, OSError):
        return TranslatedFailure(
            Unavailable(f"An artifact of MLflow at {host} could not be read: {words(error)}.")
        )
    if type(error).__module__.startswith(("botocore", "boto3", "google.", "azure.")):
        return TranslatedFailure(Unavailable(f"The artifact store did not answer: {words(error)}."))
    return None


def words(error: BaseException) -> str:
    """A foreign message as one short line without control characters."""
    text = "".join(c if c.isprintable() else " " for c in str(error))
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}…"


def _transport_cause(error: BaseException) -> BaseException | None:
    # MLflow wraps transport errors in an INTERNAL_ERROR, chained by `from` or only by context.
    seen: BaseException | None = error
    for _ in range(5):
        if seen is None:
            return None
        if isinstance(seen, requests.HTTPError):
            return None  # it was answered
        if isinstance(seen, requests.RequestException | urllib3.exceptions.HTTPError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _no_answer(cause: BaseException, *, host: str, timeout_s: float) -> TranslatedFailure:
    if isinstance(cause, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return TranslatedFailure(Refused(f"{host} is not an address; correct MLFLOW_TRACKING_URI."))
    text = f"{cause!r} {cause}"
    if isinstance(cause, requests.Timeout) or "timed out" in text:
        says = f"MLflow at {host} did not answer within {timeout_s:g} s; try again in a moment."
        return TranslatedFailure(Unavailable(says), away=True)
    if "RemoteDisconnected" in text or "reset by peer" in text or "BrokenPipe" in text:
        says = f"MLflow at {host} dropped the connection; try again in a moment."
        return TranslatedFailure(Unavailable(says), away=True, dropped=True)
    says = f"MLflow at {host} cannot be reached; check that it runs, then try again."
    return TranslatedFailure(Unavailable(says), away=True)


def _status(status: int, error: BaseException, *, host: str) -> TranslatedFailure:
    if status in _AWAY_STATUSES:
        return TranslatedFailure(
            Unavailable(f"MLflow at {host} is away ({status}); try again."), away=True
        )
    if status in (401, 403):
        return TranslatedFailure(_not_allowed(error, host=host))
    if status == requests.codes.not_found:
        return TranslatedFailure(Refused("MLflow has no such artifact; reload the run."))
    if status < 500:
        return TranslatedFailure(Refused(f"MLflow at {host} refused: {words(error)}."))
    return TranslatedFailure(Unavailable(f"MLflow at {host} failed ({status}); try again."))


def _code(code: str, error: BaseException, *, host: str) -> TranslatedFailure:
    if code in _AWAY_CODES:
        says = f"MLflow at {host} is away: {words(error)}; try again."
        return TranslatedFailure(Unavailable(says), away=True)
    if code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
        return TranslatedFailure(_not_allowed(error, host=host))
    if code == "ENDPOINT_NOT_FOUND":
        return TranslatedFailure(
            Refused(f"{host} does not answer like an MLflow 3 server: {words(error)}.")
        )
    if code in _TRY_LATER_CODES:
        return TranslatedFailure(
            Unavailable(f"MLflow at {host} failed: {words(error)}; try again.")
        )
    if code == "BAD_REQUEST" and "IntegrityError" in str(error):
        # Two writers met; MLflow rolled one back. Reading back tells what holds now.
        says = f"Someone else changed the same thing in MLflow at {host}; look again and retry."
        return TranslatedFailure(Unavailable(says))
    return TranslatedFailure(Refused(f"MLflow at {host} refused: {words(error)}."))


def _not_allowed(error: BaseException, *, host: str) -> Refused:
    if "Invalid Host header" in str(error):
        return Refused(
            f"MLflow at {host} does not accept that host name; start it with --allowed-hosts."
        )
    return Refused(
        f"MLflow at {host} does not let Stile's account do this: {words(error)}. "
        "Grant it there, or set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
    )
