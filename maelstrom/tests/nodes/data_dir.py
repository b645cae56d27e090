#!/usr/bin/env python3
"""An echo node that says on stderr which folder it was given for its data."""
import json
import os
import sys

print(os.environ.get("MAELSTROM_DATA_DIR", "no folder"), file=sys.stderr, flush=True)
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    reply = {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"]}
    if "echo" in body:
        reply["echo"] = body["echo"]
    print(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}), flush=True)
