"""Runs a node in real time or, in lockstep, in virtual time: see book/lockstep.md."""
import heapq, json, os, random, select, sys, time

LOCKSTEP = os.environ.get("MAELSTROM_LOCKSTEP") == "1"
rng = random.Random(int(os.environ.get("MAELSTROM_SEED") or time.time_ns()))  # the only chance
now = 0  # the time, in nanoseconds: the only clock
node_id, node_ids = None, []
timers, timers_made = [], 0

def send(dest, body):
    print(json.dumps({"src": node_id, "dest": dest, "body": body}))

def reply(request, body):
    send(request["src"], body | {"in_reply_to": request["body"]["msg_id"]})

def after(delay, do):
    global timers_made
    timers_made += 1  # of two timers that are due at once, the older one is first
    heapq.heappush(timers, (now + delay, timers_made, do))

def step(handle, at, message=None):
    global now, node_id, node_ids
    now = max(now, at)
    while timers and timers[0][0] <= now:
        heapq.heappop(timers)[2]()
    if message and message["body"]["type"] == "init":
        node_id, node_ids = message["body"]["node_id"], message["body"]["node_ids"]
        reply(message, {"type": "init_ok"})
    elif message:
        handle(message)
    if LOCKSTEP:
        print(json.dumps({"idle": timers[0][0] if timers else None}))
    sys.stdout.flush()

def run(handle):
    if LOCKSTEP:  # each line is a step
        for line in sys.stdin:
            step(handle, **json.loads(line))
        return
    rest = b""
    while True:  # the real clock: a step is a line, or a timer that is due
        wait = max(0, timers[0][0] - time.monotonic_ns()) / 1e9 if timers else None
        if not select.select([0], [], [], wait)[0]:
            step(handle, time.monotonic_ns())
        elif not (read := os.read(0, 65536)):
            return
        else:
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                step(handle, time.monotonic_ns(), json.loads(line))
