#!/usr/bin/env python3
# The smallest echo node in another language.
import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    reply = dict(body, type=body["type"] + "_ok", in_reply_to=body["msg_id"])
    if body["type"] == "init":
        reply = {"type": "init_ok", "in_reply_to": body["msg_id"]}
    print(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}), flush=True)
