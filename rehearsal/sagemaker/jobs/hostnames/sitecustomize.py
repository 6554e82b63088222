"""Gives the hosts of a job their names inside a Python container: `algo-2` resolves, and gethostname() is `algo-1`.

On PYTHONPATH of jobs with more than one container only. Every host has its own loopback address; one machine has one
/etc/hosts, so the names are taught to Python's resolver. A program in another language reads SLIPWAY_HOSTS itself.
"""

import os
import socket
from typing import Any

_ADDRESSES = dict(pair.split("=", 1) for pair in os.environ.get("SLIPWAY_HOSTS", "").split(",") if "=" in pair)
_NAME = os.environ.get("SLIPWAY_HOST", "")

if _ADDRESSES:
    _getaddrinfo, _gethostbyname = socket.getaddrinfo, socket.gethostbyname

    def _known(host: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return _ADDRESSES.get(name, host) if isinstance(name, str) else host

    def _lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        return _getaddrinfo(_known(host), *args, **kwargs)

    def _by_name(host: Any) -> str:
        return _gethostbyname(_known(host))

    def _named(method: Any) -> Any:
        def call(self: socket.socket, address: Any, *args: Any) -> Any:
            if isinstance(address, tuple) and address:
                address = (_known(address[0]), *address[1:])
            return method(self, address, *args)

        return call

    for _method in ("bind", "connect", "connect_ex"):
        setattr(socket.socket, _method, _named(getattr(socket.socket, _method)))
    socket.getaddrinfo, socket.gethostbyname = _lookup, _by_name
    socket.gethostname = lambda: _NAME
    socket.getfqdn = lambda name="": str(name or _NAME)
