// An echo that answers after up to 10 ms, so that it needs both time and chance.
package main

func main() {
	run(func(m *Message) {
		answer := Object{"type": "echo_ok", "echo": m.Body["echo"]}
		after(rng.Int63n(10_000_000), func() { reply(m, answer) })
	})
}
