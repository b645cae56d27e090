//! The bench's clients: threads that do operations, and the connections they do them over.

use std::time::Duration;

use gyre::{Body, Message, NodeId};
use rustc_hash::FxHashMap;

use super::member_step::MemberStep;
use super::{Address, Engine, Event, Phase, shown};
use crate::client::{Client, Completion, Operation, ReplyFault, RequestError, Step};
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use crate::options::TestOptions;
use crate::workload::Workload;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initialising a node.
    Init(usize),
    /// Telling a node what the workload's set-up wants it to know.
    Setup(usize),
    /// The operations of a thread.
    Thread(usize),
    /// Changing who is a member.
    Members,
    /// One change of that, besides others.
    Besides(MemberStep),
}

/// A client as the network sees it: a name, and at most one request outstanding.
struct Connection {
    name: NodeId,
    purpose: Purpose,
    last_msg_id: i64,
    waiting_for: Option<i64>,
}

/// A client as the history sees it: it does one operation after another.
struct Thread {
    node: usize,
    /// Who was asked last: another node, if that one is not there.
    asked: usize,
    client: Box<dyn Client>,
    connection: Option<usize>,
    operation: Option<Operation>,
    /// Where its invocation stands in the history.
    invocation: usize,
}

/// All clients.
pub struct Clients {
    /// Those that are open, by number.
    connections: FxHashMap<usize, Connection>,
    /// How many were ever opened.
    opened: usize,
    threads: Vec<Thread>,
    /// The threads without an operation, and where each stands in that list.
    free: Vec<usize>,
    place: Vec<usize>,
    processes: Vec<i64>,
    /// The names of operations, so that a million entries share them.
    names: FxHashMap<&'static str, std::sync::Arc<str>>,
}

impl Clients {
    pub fn new(options: &TestOptions, workload: &dyn Workload) -> Clients {
        let count = options.concurrency;
        let thread = |number: usize| Thread {
            node: number % options.nodes.len(),
            asked: number % options.nodes.len(),
            client: workload.client(options),
            connection: None,
            operation: None,
            invocation: 0,
        };
        Clients {
            connections: FxHashMap::default(),
            opened: 0,
            threads: (0..count).map(thread).collect(),
            free: (0..count).collect(),
            place: (0..count).collect(),
            processes: (0..count as i64).collect(),
            names: FxHashMap::default(),
        }
    }

    pub fn count(&self) -> usize {
        self.threads.len()
    }

    pub fn free(&self) -> &[usize] {
        &self.free
    }

    pub fn is_free(&self, thread: usize) -> bool {
        self.threads[thread].operation.is_none()
    }

    pub fn all_free(&self) -> bool {
        self.free.len() == self.threads.len()
    }

    pub fn processes(&self) -> &[i64] {
        &self.processes
    }

    /// Whether there was once a client of this name.
    pub fn has_departed(&self, name: &NodeId) -> bool {
        let digits = name.as_str().strip_prefix('c').unwrap_or_default();
        // `c07` is not the name of client 7.
        digits.parse().is_ok_and(|n: usize| n < self.opened && n.to_string() == digits)
    }

    /// If this connection waits for the reply to this request, it no longer does; says what
    /// for.
    pub fn take_reply(&mut self, connection: usize, in_reply_to: Option<i64>) -> Option<Purpose> {
        let connection = self.connections.get_mut(&connection)?;
        if in_reply_to.is_none() || connection.waiting_for != in_reply_to {
            return None;
        }
        connection.waiting_for = None;
        Some(connection.purpose)
    }

    /// Goes on waiting for a reply that `take_reply` had ended the wait for.
    pub fn wait_on(&mut self, connection: usize, msg_id: i64) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.waiting_for = Some(msg_id);
        }
    }

    fn occupy(&mut self, thread: usize) {
        let place = self.place[thread];
        self.free.swap_remove(place);
        if let Some(&moved) = self.free.get(place) {
            self.place[moved] = place;
        }
    }

    fn release(&mut self, thread: usize) {
        self.place[thread] = self.free.len();
        self.free.push(thread);
    }

    fn name(&mut self, f: &'static str) -> std::sync::Arc<str> {
        self.names.entry(f).or_insert_with(|| f.into()).clone()
    }
}

impl Engine<'_> {
    /// A new client of the network.
    pub(super) fn open_connection(&mut self, purpose: Purpose) -> usize {
        let number = self.clients.opened;
        self.clients.opened += 1;
        let name = NodeId::from(format!("c{number}"));
        self.addresses.insert(name.clone(), Address::Connection(number));
        let connection = Connection { name, purpose, last_msg_id: 0, waiting_for: None };
        self.clients.connections.insert(number, connection);
        number
    }

    pub(super) fn close_connection(&mut self, connection: usize) {
        if let Some(connection) = self.clients.connections.remove(&connection) {
            self.addresses.remove(&connection.name);
        }
    }

    /// Sends a request to a node, and sees to it that the wait for the reply ends.
    pub(super) fn request(
        &mut self,
        connection: usize,
        node: usize,
        body: Body,
        timeout: Duration,
    ) {
        let client = self.clients.connections.get_mut(&connection).expect("it was not closed");
        client.last_msg_id += 1;
        let msg_id = client.last_msg_id;
        client.waiting_for = Some(msg_id);
        let dest = self.options.nodes[node].clone();
        let message = Message { src: client.name.clone(), dest, body: body.with_msg_id(msg_id) };
        self.send(message);
        self.queue.push(self.now + timeout, Event::RequestTimeout { connection, msg_id });
    }

    /// A thread begins an operation.
    pub(super) fn invoke(&mut self, thread: usize, mut operation: Operation) {
        self.clients.occupy(thread);
        operation.extra = self.generator.annotate(&operation);
        if operation.is_final {
            operation.extra.insert(0, ("final?", Edn::Bool(true)));
        }
        let extra = operation.extra.clone();
        self.clients.threads[thread].invocation = self.entries;
        self.record_client_op(thread, OpType::Invoke, &operation, None, extra);
        let step = self.clients.threads[thread].client.invoke(&operation);
        self.clients.threads[thread].operation = Some(operation);
        self.take_step(thread, step);
    }

    pub(super) fn on_success(&mut self, thread: usize, reply: &Body) {
        let Thread { client, operation, .. } = &mut self.clients.threads[thread];
        let operation = operation.as_ref().expect("only a running operation awaits a reply");
        match client.on_reply(operation, reply) {
            Ok(step) => self.take_step(thread, step),
            Err(fault) => self.on_reply_fault(thread, fault),
        }
    }

    /// A reply that is none is the node's fault: the log says so at once, and whoever judges
    /// the history finds it in the operation.
    fn on_reply_fault(&mut self, thread: usize, fault: ReplyFault) {
        let Thread { asked, operation, .. } = &self.clients.threads[thread];
        let operation = operation.as_ref().expect("only a running operation awaits a reply");
        let name = &self.options.nodes[*asked];
        let error = match fault {
            ReplyFault::ExtraKey(sentence) => RequestError::ExtraKey(sentence),
            ReplyFault::WrongReply(why) => {
                let (f, value) = (operation.f, &operation.value);
                let sentence = format!("node {name} did not answer {f} {value}: {why}");
                let sentence = shown(&sentence);
                self.say(&sentence);
                RequestError::WrongReply(sentence)
            }
        };
        self.on_request_error(thread, error);
    }

    pub(super) fn on_request_error(&mut self, thread: usize, error: RequestError) {
        let Thread { client, operation, .. } = &mut self.clients.threads[thread];
        let operation = operation.as_ref().expect("only a running operation awaits a reply");
        let completion = client.on_error(operation, error);
        self.complete(thread, completion);
    }

    fn take_step(&mut self, thread: usize, step: Step) {
        match step {
            Step::Done(completion) => self.complete(thread, completion),
            Step::Request(body) => {
                let connection = match self.clients.threads[thread].connection {
                    Some(connection) => connection,
                    None => {
                        let connection = self.open_connection(Purpose::Thread(thread));
                        self.clients.threads[thread].connection = Some(connection);
                        connection
                    }
                };
                let Thread { node, invocation, .. } = self.clients.threads[thread];
                let node = self.node_for_client(node);
                self.clients.threads[thread].asked = node;
                self.journal.record_request(self.next_message_id, invocation);
                let timeout = Duration::from_millis(self.workload.timeout_ms(self.options));
                self.request(connection, node, body, timeout);
            }
        }
    }

    fn complete(&mut self, thread: usize, completion: Completion) {
        let operation = self.clients.threads[thread].operation.take();
        let operation = operation.expect("only a running operation completes");
        let Completion { kind, value, extra: of_completion } = completion;
        let mut extra = operation.extra.clone();
        extra.extend(of_completion);
        self.record_client_op(thread, kind, &operation, value, extra);
        self.outcomes[match kind {
            OpType::Ok => 0,
            OpType::Fail => 1,
            _ => 2,
        }] += 1;
        if kind == OpType::Info {
            self.replace_process(thread);
        }
        self.clients.release(thread);
        if self.phase == Phase::Final {
            self.continue_final_phase(thread);
        } else {
            self.next_operation();
            self.next_of_thread(thread);
        }
    }

    /// Nobody knows what a process with an indeterminate operation may still do, so it does
    /// nothing more: its thread goes on under another number, and mostly as another client.
    fn replace_process(&mut self, thread: usize) {
        self.clients.processes[thread] += self.clients.threads.len() as i64;
        self.clients.threads[thread].client = self.workload.client(self.options);
        if !self.workload.keeps_client_name()
            && let Some(connection) = self.clients.threads[thread].connection.take()
        {
            self.close_connection(connection);
        }
    }

    fn record_client_op(
        &mut self,
        thread: usize,
        kind: OpType,
        operation: &Operation,
        value: Option<Edn>,
        extra: Vec<(&'static str, Edn)>,
    ) {
        let op = Op {
            index: 0,
            time: 0,
            kind,
            process: ProcessId::Client(self.clients.processes[thread]),
            f: self.clients.name(operation.f),
            value: value.unwrap_or_else(|| operation.value.clone()),
            extra,
        };
        self.record(op);
    }
}
