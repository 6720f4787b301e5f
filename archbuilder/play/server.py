"""The server of the playground."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import OWN
from archbuilder.play.guard import Guard, is_local, new_token
from archbuilder.play.limits import LARGEST_MESSAGE, LARGEST_PICTURE
from archbuilder.play.playground import Playground

_TRIED = 20  # ports, from the one that is asked for
_RECONNECT = 30.0  # seconds for which a page that lost its connection finds its state again, without a reload
_ANY = ("0.0.0.0", "::")


def serve(
    root: Path, first: str = "", *, host: str = "127.0.0.1", port: int = 8421, say: Callable[[str], None] = print
) -> None:
    """Serve the playground of a folder until it is interrupted.

    Args:
        root: The folder: nothing outside it is read or written.
        first: What is shown first: a file of the folder, a shipped spec or a run.
        host: The address to listen on; for one that other machines reach, a token is needed, and is printed.
        port: The port; the next free one if it is taken.
        say: Is called with the address.

    Raises:
        ArchbuilderError: NiceGUI is not installed, or no port is free.
    """
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(root / OWN / "nicegui"))
    try:
        from nicegui import app, ui  # noqa: PLC0415 - an extra
    except ImportError:
        raise ArchbuilderError("the playground needs NiceGUI: pip install 'archbuilder[play]'") from None
    from archbuilder.play.page.pages import add_pages  # noqa: PLC0415

    port = _free_port(host, port)
    token = "" if is_local(host) else new_token()
    playground = Playground(root, first)
    add_pages(playground)
    app.on_shutdown(playground.close)
    app.add_middleware(Guard, port=port, token=token, largest=LARGEST_PICTURE)  # the last one added is the first
    shown = socket.gethostname() if host in _ANY else host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
    if token:
        say(f"{address}?token={token}  (anyone with this address reads and writes {root}; Ctrl-C stops)")
    else:
        say(f"{address}  (this machine only; Ctrl-C stops, what you typed is kept)")
    ui.run(
        host=host,
        port=port,
        title="archbuilder",
        reload=False,
        show=False,
        dark=None,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        uvicorn_logging_level="error",
        ws_max_size=LARGEST_MESSAGE,
        reconnect_timeout=_RECONNECT,
        binding_refresh_interval=None,
    )


def _free_port(host: str, port: int) -> int:
    """Return the first free port from one on.

    Raises:
        ArchbuilderError: None of the next is free, or the address is not this machine's.
    """
    for candidate in range(port, min(port + _TRIED, 65536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except PermissionError:
                raise ArchbuilderError(f"--port {candidate}: may not be used; take one above 1023") from None
            except socket.gaierror:
                raise ArchbuilderError(f"--host {host}: no such host") from None
            except OSError as error:
                if "assign" in str(error):
                    raise ArchbuilderError(f"--host {host}: is not an address of this machine") from None
                continue
            return candidate
    raise ArchbuilderError(f"--port {port}: this port and the next {_TRIED - 1} are in use")
