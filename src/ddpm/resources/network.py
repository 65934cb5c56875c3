"""Whether downloads have a network at all, asked once before a workflow starts them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ddpm.errors import ResourceError
from ddpm.resources.locating import remote_file


def require_network(paths: Iterable[str]) -> None:
    """Checks that of the files that are not there, one at least has a server whose name can be looked up.

    A proxy looks names up itself, so what goes through one counts as reachable.

    Raises:
        ResourceError: no server of any file can be found; the message says what to do without a network.
    """
    missing = [path for path in paths if not os.path.exists(path)]
    urls = [url for path in missing for url in remote_file(path).urls]
    if urls and not any(map(_can_be_looked_up, urls)):
        hosts = ", ".join(dict.fromkeys(str(urlsplit(url).hostname) for url in urls))
        raise ResourceError(
            f"No network: none of the servers of {', '.join(missing)} can be found ({hosts}). Nothing was "
            "started. Fetch the files where there is a network (`ddpm fetch`) and put them there, or name "
            "local copies in the study: datasets.<name>.archive, quality.features.weights, or a model's "
            "pretrained.file"
        )


def _can_be_looked_up(url: str) -> bool:
    parts = urlsplit(url)
    host, proxies = parts.hostname or "", getproxies()
    if (parts.scheme in proxies or "all" in proxies) and not proxy_bypass(host):
        return True
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False
