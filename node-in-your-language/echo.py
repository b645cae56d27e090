#!/usr/bin/env python3
"""An echo that answers after up to 10 ms, so that it needs both time and chance."""
import shim

def handle(message):
    answer = {"type": "echo_ok", "echo": message["body"]["echo"]}
    shim.after(shim.rng.randrange(10_000_000), lambda: shim.reply(message, answer))

shim.run(handle)
