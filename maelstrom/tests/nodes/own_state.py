#!/usr/bin/env python3
# A key-value store of which each node keeps its own: not linearizable. With an argument it also
# draws numbers that no seed decides.
import json, os, random, sys

lockstep = os.environ.get("MAELSTROM_LOCKSTEP") == "1"
is_random = len(sys.argv) > 1
values = {}

def answer(body):
    kind, key = body["type"], json.dumps(body.get("key"))
    if kind == "init":
        return {"type": "init_ok"}
    if kind == "write":
        values[key] = body["value"]
        return {"type": "write_ok"}
    if key not in values:
        return {"type": "error", "code": 20, "text": "there is no such key"}
    if kind == "read":
        return {"type": "read_ok", "value": values[key]}
    if values[key] != body["from"]:
        return {"type": "error", "code": 22, "text": "it has another value"}
    values[key] = body["to"]
    return {"type": "cas_ok"}

for line in sys.stdin:
    step = json.loads(line)
    message = step.get("message") if lockstep else step
    if message:
        reply = dict(answer(message["body"]), in_reply_to=message["body"]["msg_id"])
        if is_random:
            reply["msg_id"] = random.randrange(1 << 30)
        print(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}))
    if lockstep:
        print('{"idle": null}')
    sys.stdout.flush()
