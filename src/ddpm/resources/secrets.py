"""Secrets of a download: tokens and passwords, which stand in no message and go to the host they are for."""

from __future__ import annotations

import logging
import os
import re
from urllib.parse import urlsplit

from ddpm.errors import ResourceError

logger = logging.getLogger("ddpm")

TOKEN = "HF_TOKEN"
# `user:password@` before a host, and the values of a query, such as those of signed addresses.
_LOGIN = re.compile(r"(?<=//)[^/?#\s]*@")
_QUERY = re.compile(r"(?<=[?&])([^=&#\s]+=)[^&#\s]+")


def masked(text: str) -> str:
    """A text whose addresses have no passwords and no values in their queries."""
    return _QUERY.sub(r"\1***", _LOGIN.sub("***@", text))


def authorisation(endpoint: str) -> dict[str, str]:
    """The header that logs in to Hugging Face with HF_TOKEN; none without a token, or without https.

    The token goes to `endpoint` alone: requests drops the header where a redirect leads to another host.

    Raises:
        ResourceError: the token holds what no header may; the message does not show it.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        return {}
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ResourceError(
            f"{TOKEN}: the token in this environment variable holds a space, a line break or another sign "
            "that no token has; set it again, or unset it"
        )
    if urlsplit(endpoint).scheme != "https":
        logger.warning(f"{masked(endpoint)}: is not https, so {TOKEN} is not sent there")
        return {}
    return {"Authorization": f"Bearer {token}"}


def refuse_downgrade(source: str, target: str) -> str:
    """Why a redirect must not be followed where the content has no known hash; "" if it may be."""
    if urlsplit(source).scheme == "https" and urlsplit(target).scheme != "https":
        return (
            f"redirects to {masked(target)}, which is not https: what arrives could be anyone's, and no hash "
            "is known to tell"
        )
    return ""
