"""Answer calls over ZAP from Python, with the standard library and Debian's `capnp` (apt-get install capnproto).

    python3 serve.py SCHEMA        # schema/zap-call.capnp; prints its port

Each frame is 4 bytes of length, big-endian, and a Cap'n Proto message: an Envelope of the schema.
"""

import json
import socketserver
import struct
import subprocess
import sys

METHODS = {
    "upper": lambda params: params.decode().upper().encode(),
    "reverse": lambda params: params[::-1],
    "count": lambda params: [b"%d" % n for n in range(int(params))],
}


def convert(how, message):
    """`capnp convert binary:json` and back."""
    command = ["capnp", "convert", how, sys.argv[1], "Envelope"]
    return subprocess.run(command, input=message, stdout=subprocess.PIPE, check=True).stdout


def answers(call_id, call):
    """What is said to a call: one result, the items of a stream and its end, or an error."""
    method = METHODS.get(call["method"])
    if method is None:
        return [{"id": call_id, "error": {"code": "not-found", "message": "no method " + call["method"]}}]
    given = method(bytes(call.get("params", [])))
    if isinstance(given, bytes):
        return [{"id": call_id, "result": {"value": list(given)}}]
    items = [{"id": call_id, "item": {"value": list(item)}} for item in given]
    return items + [{"id": call_id, "end": None}]


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        while header := self.rfile.read(4):
            (length,) = struct.unpack(">I", header)
            envelope = json.loads(convert("binary:json", self.rfile.read(length)))
            if "call" not in envelope:
                continue  # `cancel` and `more`: short answers need neither
            for answer in answers(envelope["id"], envelope["call"]):
                message = convert("json:binary", json.dumps(answer).encode())
                self.wfile.write(struct.pack(">I", len(message)) + message)


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
