"""A TCP proxy on 127.0.0.1 that loses answers: what a network does when it breaks at the wrong moment."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Passes bytes between clients and a server.

    Attributes:
        port: Its port.
        lost: How often an answer was lost.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port, self._listener = server_port, socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lost, self._loses = 0, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_commit(self) -> None:
        """Pass the next COMMIT to the server; when it has answered, cut the connection instead of passing that on."""
        self._loses = 1

    def close(self) -> None:
        """Accept no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._server_port)) as server:
            threading.Thread(target=self._pass_answers, args=(server, client), daemon=True).start()
            while data := client.recv(1 << 16):
                is_lost = self._loses > 0 and b"COMMIT" in data
                if is_lost:
                    self._loses -= 1
                    self.lost += 1
                    client.shutdown(socket.SHUT_WR)  # nothing more reaches the client
                server.sendall(data)

    @staticmethod
    def _pass_answers(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def passing(server_port: int) -> Iterator[Proxy]:
    """Run a proxy."""
    proxy = Proxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()
