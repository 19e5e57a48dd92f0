"""A kernel on somebody's server, spoken to as a browser does: REST to start it, a websocket to run code."""

from __future__ import annotations

import json
import uuid
from typing import Any

import websocket
from box_machine import BoxMachine


class Kernel:
    """Runs code with the rights of the server's owner; `token` may be somebody else's."""

    def __init__(self, machine: BoxMachine, name: str) -> None:
        made = machine.user(name, "POST", "api/kernels", b"{}")
        assert made.status == 201, made.body
        self.id = made.json["id"]
        where = f"ws://127.0.0.1:{machine.public}/user/{name}/api/kernels/{self.id}/channels"
        header = [f"Authorization: token {machine.tester}"]
        self._socket = websocket.create_connection(where, timeout=60, header=header, http_no_proxy=["127.0.0.1"])

    def run(self, code: str) -> str:
        """What it printed, with the name of the exception that ended it, if any."""
        number, said = uuid.uuid4().hex, ""
        header = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": number, "version": "5.3"}
        content: dict[str, Any] = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer["parent_header"].get("msg_id") != number:
                continue
            kind, content = answer["msg_type"], answer["content"]
            if kind == "stream":
                said += content["text"]
            elif kind == "error":
                said += f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return said

    def close(self) -> None:
        self._socket.close()
