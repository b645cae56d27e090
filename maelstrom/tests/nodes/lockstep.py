#!/usr/bin/env python3
# The node of book/lockstep.md.
import json, os, sys

lockstep = os.environ.get("MAELSTROM_LOCKSTEP") == "1"

for line in sys.stdin:
    step = json.loads(line)
    message = step.get("message") if lockstep else step
    if message:
        body = message["body"]
        reply = dict(body, type=body["type"] + "_ok", in_reply_to=body["msg_id"])
        if body["type"] == "init":
            reply = {"type": "init_ok", "in_reply_to": body["msg_id"]}
        print(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}))
    if lockstep:
        print('{"idle": null}')
    sys.stdout.flush()
