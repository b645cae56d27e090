// What a node may do: send, reply, be woken, know the time, draw a number. shim.go drives it.
package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"sort"
	"time"
)

type Object = map[string]any

type Message struct {
	Src, Dest string
	Body      Object
	At        int64    // a step of lockstep: the time,
	Message   *Message // and the message, if there is one
}

type timer struct {
	at int64
	do func()
}

var now int64      // the time, in nanoseconds: the only clock
var rng *rand.Rand // the only chance
var nodeID string
var timers []timer
var out = json.NewEncoder(os.Stdout)

func send(dest string, body Object) {
	out.Encode(Object{"src": nodeID, "dest": dest, "body": body})
}

func reply(request *Message, body Object) {
	body["in_reply_to"] = request.Body["msg_id"]
	send(request.Src, body)
}

// Of two timers that are due at once the older one is first: the sort is stable.
func after(delay int64, do func()) {
	timers = append(timers, timer{now + delay, do})
	sort.SliceStable(timers, func(i, j int) bool { return timers[i].at < timers[j].at })
	if !lockstep {
		time.AfterFunc(time.Duration(delay), func() { step(nil, clock(), nil) })
	}
}
