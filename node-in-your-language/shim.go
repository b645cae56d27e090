// Runs a node in real time or, in lockstep, in virtual time: see book/lockstep.md.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"sync"
	"time"
)

var lockstep, start, lock = os.Getenv("MAELSTROM_LOCKSTEP") == "1", time.Now(), sync.Mutex{}

func clock() int64 { return int64(time.Since(start)) }

func step(handle func(*Message), at int64, message *Message) {
	lock.Lock()
	defer lock.Unlock()
	for now = at; len(timers) > 0 && timers[0].at <= now; {
		due := timers[0]
		timers = timers[1:]
		due.do()
	}
	if message != nil && message.Body["type"] == "init" {
		nodeID = message.Body["node_id"].(string)
		reply(message, Object{"type": "init_ok"})
	} else if message != nil {
		handle(message)
	}
	if lockstep && len(timers) > 0 {
		out.Encode(Object{"idle": timers[0].at})
	} else if lockstep {
		out.Encode(Object{"idle": nil})
	}
}

func run(handle func(*Message)) {
	seed, input := uint64(time.Now().UnixNano()), json.NewDecoder(os.Stdin)
	fmt.Sscan(os.Getenv("MAELSTROM_SEED"), &seed)
	rng = rand.New(rand.NewSource(int64(seed)))
	input.UseNumber() // a number stays what it is, to the last digit
	for line := new(Message); input.Decode(line) == nil; line = new(Message) {
		if lockstep { // a line is a step
			step(handle, line.At, line.Message)
		} else { // by the real clock, a line is a message
			step(handle, clock(), line)
		}
	}
}
