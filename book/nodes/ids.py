#!/usr/bin/env python3
import shim

count = 0

def handle(message):
    global count
    count += 1
    shim.reply(message, {"type": "generate_ok", "id": count})

shim.run(handle)
