// What the examples in the documentation of this folder run in: a node that does one thing, and is
// led step by step. They include this file; it is no module of the crate.

use gyre::{Body, Ctx, Error, MemoryDisk, Message, Node, NodeId, Process, Runtime, Time, async_trait};
use serde_json::Value;

/// A node that answers every request by this.
pub struct Handler<F>(F);

#[async_trait(?Send)]
impl<F: AsyncFn(&Ctx) -> Result<Value, Error> + 'static> Node for Handler<F> {
    type Request = Value;
    type Response = Value;

    async fn handle(&self, ctx: &Ctx, _: Value, _: NodeId) -> Result<Value, Error> {
        (self.0)(ctx).await
    }
}

/// Node `n1` of two, after a client has asked it something.
pub fn asked<F>(handler: F) -> Runtime<Handler<F>>
where
    F: AsyncFn(&Ctx) -> Result<Value, Error> + 'static,
{
    let mut node = Runtime::new(1, Box::new(MemoryDisk::default()), |_| Handler(handler));
    for line in [
        r#"{"src":"c0","dest":"n1","body":
            {"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1","n2"]}}"#,
        r#"{"src":"c1","dest":"n1","body":{"type":"go","msg_id":1}}"#,
    ] {
        node.handle_message(Time::ZERO, Message::parse(line).unwrap());
    }
    assert_eq!(node.poll_transmit().unwrap().body.kind(), "init_ok");
    node
}

/// Has whoever was asked by the node answer it.
pub fn answer(node: &mut impl Process, request: Message, reply: Value) {
    let Message { src, dest, body } = request;
    let body = Body::new(&reply).unwrap().with_in_reply_to(body.msg_id().unwrap());
    node.handle_message(Time::ZERO, Message { src: dest, dest: src, body });
}
