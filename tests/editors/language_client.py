"""A client of a language server on standard input and output, as far as the tests need one."""

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SERVER = Path(__file__).parent / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
_MOST_SECONDS = 300.0


class LanguageClient:
    """Opens documents of a folder in a server, and asks about places in them."""

    def __init__(self, node: str, folder: Path) -> None:
        self._folder = folder
        self._server = subprocess.Popen(
            [node, str(SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._limit = threading.Timer(_MOST_SECONDS, self._server.kill)  # rather than wait forever
        self._limit.start()
        self._last = 0
        self._found: dict[str, list[dict[str, Any]]] = {}
        about = {"completion": {"completionItem": {"snippetSupport": True}}, "hover": {"contentFormat": ["markdown"]}}
        capabilities = {"textDocument": about}
        self._ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities})
        self._tell("initialized", {})
        yaml = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        self._tell("workspace/didChangeConfiguration", {"settings": {"yaml": yaml}})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._limit.cancel()
        self._server.kill()
        self._server.communicate()

    def completions(self, name: str, marked: str) -> list[dict[str, Any]]:
        """Give what is offered at the mark `|` of a text, in the server's order."""
        answer = self._ask("textDocument/completion", self._at_mark(name, marked))
        items: list[dict[str, Any]] = answer["items"] if isinstance(answer, dict) else answer
        return items

    def hover(self, name: str, marked: str) -> str:
        """Give what is shown about the place at the mark."""
        answer = self._ask("textDocument/hover", self._at_mark(name, marked))
        return str(answer["contents"]["value"]) if answer else ""

    def mistakes(self, name: str, text: str) -> list[tuple[int, str]]:
        """Give the line, from 0, and the message of everything that is flagged in a text."""
        uri = self._open(name, text)
        while uri not in self._found:
            self._take(self._receive())
        return [(found["range"]["start"]["line"], found["message"]) for found in self._found.pop(uri)]

    def _at_mark(self, name: str, marked: str) -> dict[str, Any]:
        before, _, after = marked.partition("|")
        line, column = before.count("\n"), len(before.rpartition("\n")[2])
        uri = self._open(name, before + after)
        return {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}

    def _open(self, name: str, text: str) -> str:
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def _ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self._last += 1
        self._send({"id": self._last, "method": method, "params": parameters})
        while True:
            message = self._receive()
            if message.get("id") == self._last and "method" not in message:
                return message["result"]
            self._take(message)

    def _tell(self, method: str, parameters: dict[str, Any]) -> None:
        self._send({"method": method, "params": parameters})

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self._found[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:  # the server asks, for its configuration or for a registration
            items = message.get("params", {}).get("items")
            self._send({"id": message["id"], "result": [None for _ in items] if items else None})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._server.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        output = self._server.stdout
        assert output is not None
        length = 0
        while header := output.readline().strip():
            key, _, value = header.partition(b":")
            length = int(value) if key.lower() == b"content-length" else length
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(output.read(length))
        return message
