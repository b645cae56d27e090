#!/usr/bin/env node
// An echo that answers after up to 10 ms, so that it needs both time and chance.
const node = require("./shim.js");

node.run((message) => {
  const answer = { type: "echo_ok", echo: message.body.echo };
  node.after(node.random() * 10_000_000, () => node.reply(message, answer));
});
