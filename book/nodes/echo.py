#!/usr/bin/env python3
import json, sys

for line in sys.stdin:
    message = json.loads(line)
    asked = message["body"]
    answer = {"type": asked["type"] + "_ok", "in_reply_to": asked["msg_id"]}
    if "echo" in asked:
        answer["echo"] = asked["echo"]
    print(json.dumps({"src": message["dest"], "dest": message["src"], "body": answer}), flush=True)
