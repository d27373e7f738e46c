"""The model hub: whether it answers, and what its refusals mean, in words a person can act on."""

from __future__ import annotations

import os
from threading import Thread

from curation.errors import MissingModel


def reachable(seconds: float = 2.0) -> tuple[bool, str]:
    """Whether the model hub answers, and what was seen; never takes longer than `seconds`."""
    from huggingface_hub.constants import ENDPOINT

    if _offline():
        return False, "HF_HUB_OFFLINE is set"
    said: list[tuple[bool, str]] = []
    Thread(
        target=lambda: said.append(_ask(ENDPOINT, seconds)), daemon=True
    ).start()  # a DNS look-up has no time-out
    _wait_for(said, seconds)
    return said[0] if said else (False, f"{ENDPOINT} did not answer within {seconds:g} s")


def problem(name: str, revision: str | None, error: Exception) -> MissingModel:
    """What the hub's refusal means, and what to do about it."""
    from huggingface_hub import errors
    from huggingface_hub.constants import ENDPOINT

    page = f"{ENDPOINT}/{name}"
    if isinstance(error, errors.GatedRepoError):
        return MissingModel(
            f"The model {name} is gated: its owner wants the licence accepted first.",
            hint=f"Accept it at {page}, then run `hf auth login` (or set HF_TOKEN), or give a local folder.",
            code="gated-model",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return MissingModel(
            f"The model {name} has no revision {revision!r}.", hint=f"See {page}/commits/main."
        )
    if isinstance(error, (errors.RepositoryNotFoundError, errors.HFValidationError)):
        return MissingModel(
            f"The hub has no model {name}, or it is private.",
            hint="Check the name; for a private model run `hf auth login` (or set HF_TOKEN).",
        )
    return MissingModel(
        f"The model {name} could not be fetched: {first_line(error)}",
        hint="Try again (what was fetched is kept), or give a local folder in task.yaml (model.name).",
    )


def first_line(error: Exception) -> str:
    """The first line of what an error says, its name when it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _offline() -> bool:
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in (
        "1",
        "ON",
        "YES",
        "TRUE",
    )


def _ask(address: str, seconds: float) -> tuple[bool, str]:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(address, method="HEAD"), timeout=seconds):
            return True, f"{address} answers"
    except HTTPError as error:
        return True, f"{address} answers {error.code}"
    except (URLError, OSError, ValueError) as error:
        return False, f"{address}: {getattr(error, 'reason', error)}"


def _wait_for(said: list[tuple[bool, str]], seconds: float) -> None:
    import time

    end = time.monotonic() + seconds
    while not said and time.monotonic() < end:
        time.sleep(0.02)
