#!/usr/bin/env python3
# An echo node that does one thing wrong, named by its argument, at its third request.
import json
import os
import sys
import time

fault = sys.argv[1]
requests = 0


def send(src, dest, body):
    print(json.dumps({"src": src, "dest": dest, "body": body}), flush=True)


if fault == "never-reads":
    time.sleep(3600)
if fault == "forks":
    # The grandchild holds the pipes open, and outlives whoever is not killed as a group.
    os.system("sleep 3600 &")
for line in sys.stdin:
    message = json.loads(line)
    me, client, body = message["dest"], message["src"], message["body"]
    if body["type"] == "init":
        if fault == "no-init-ok":
            continue
        kind = "init_no" if fault == "wrong-init" else "init_ok"
        send(me, client, {"type": kind, "in_reply_to": body["msg_id"]})
        continue
    requests += 1
    reply = {"type": "echo_ok", "in_reply_to": body["msg_id"], "echo": body["echo"]}
    if requests == 3:
        if fault == "garbage":
            print("what is this?", flush=True)
        if fault == "exits":
            print("I give up", file=sys.stderr, flush=True)
            sys.exit(7)
        if fault == "extra-key":
            reply["surprise"] = 1
        if fault == "to-nobody":
            send(me, "n99", {"type": "gossip"})
        if fault == "as-another":
            send("n0" if me == "n1" else "n1", client, reply)
        if fault == "late":
            continue
        if fault == "floods-stderr":
            for _ in range(20000):
                print("x" * 80, file=sys.stderr)
    send(me, client, reply)
