//! Reliable broadcast: every message reaches every node, with few messages and little delay.
//!
//! # What everybody does
//!
//! Each node numbers the messages that its clients give it, so what a node has is a
//! [`VersionVector`], and what it lacks is a range. A message takes the *fast path* once; nobody
//! waits for an acknowledgement. What the network loses, the *repair path* finds by comparing
//! version vectors (anti-entropy: Demers et al., "Epidemic algorithms for replicated database
//! maintenance", 1987, section 1.3) and sends again.
//!
//! The **hub** is the first node of the cluster's list that is not suspected of being out of
//! reach. It is no leader: nothing depends on there being just one, and everybody can be it
//! at any time. The others are its spokes. Nodes that see different parts of a broken network
//! may have different hubs; the hub of a hub comes earlier in the list, so hubs form a tree,
//! and repair runs along its edges in both directions.
//!
//! # The fast path, and the one setting
//!
//! [`Setting`] trades messages for latency. With `n` nodes, latency `L`, `r` messages a second
//! in the whole cluster, and a window `w`:
//!
//! | route | way of a message | server messages per message | latency at most |
//! |---|---|---|---|
//! | direct | from its node to all others, with all that this node got within `w` | `(n-1) / (1 + w·r/n)` | `w + L` |
//! | hub | to the hub at once, and from it with all that the hub got within `w` | `(n-1)/n + (n-1) / (1 + w·r)` | `w + 2L` |
//!
//! The window opens with the first message. So the direct route shares the cost of `n - 1`
//! messages among what *one node* gets within `w`, and the hub among what *everybody* gets.
//!
//! # The repair path
//!
//! * **Acknowledgement.** Whatever goes along an edge of the tree carries the sender's vector.
//!   A spoke that has had news for [`REPORT_AFTER`] and nothing to send reports its vector
//!   alone. So under load acknowledgements cost nothing.
//! * **Repair.** What a neighbour's vector lacks, and this node has *settled* (had for over a
//!   second, longer than a first delivery takes), is sent again: down the tree everything,
//!   up the tree one's own.
//! * **Asking.** A neighbour that does not acknowledge for [`PATIENCE`] is asked for its vector,
//!   and asked again at a slow pace until it answers. Messages are never sent blindly twice.
//! * **Failover.** A node that leaves an ask unanswered for [`SUSPECT_AFTER`] is suspected, and
//!   a spoke whose hub is suspected asks the next in the list, then the next two, the next
//!   four: half a cluster cut off from the other half finds its own hub in a few rounds.
//!   An answer ends the suspicion.
//! * **Silence.** The hub knows from the vectors what *everybody* has, the *stable* vector, and
//!   tells it. A node is restless until all that it has is stable, and asks its hub when that
//!   falls silent. So an idle cluster sends nothing, and its silence means that everything is
//!   everywhere. (Stability: Wuu and Bernstein, "Efficient solutions to the replicated log and
//!   dictionary problems", 1984.)
//!
//! # Safety
//!
//! A node says that it has something only after it was made durable (the shell syncs what
//! [`Outputs::persist`] gave it before it sends anything), and a number is used for one value
//! only (see [`Incarnation`]). So every vector ever sent stays true for as long as its sender's
//! storage lives, however late it arrives; and when a node comes back with an empty storage,
//! its new incarnation tells its peers to forget what they knew about it.
//!
//! # Nodes that join and leave
//!
//! Who is a member is in [`members`](crate::members). The hub is a member, and *everybody* is all
//! members, for the routes as for what is stable. How much a node has is its vector, so whoever
//! leaves is done when the vector of one member covers its own, and whoever joins, when its vector
//! covers that of the member who was asked to add it. They do not wait for the tree: each asks
//! and is sent what is missing at once, along an edge of its own (`joining.rs`).
//!
//! A vector has one number for each incarnation that ever had a message, also of those who have
//! left. It cannot be dropped: it says that a message which comes late is an old one. So a cluster
//! pays some 30 bytes in each vector for each disk that ever was.
//!
//! Deliberately absent: any order between messages, and a removal of old ones (a reader may ask
//! for all of them at any time).
//!
//! Of five nodes one is told something. The window and one latency later it is everywhere:
//!
//! ```
//! use gyre::gossip::{Gossip, Setting};
//! use gyre::protocols::simulator::{Faults, Simulator, Start};
//! use gyre::{Json, Time};
//! use rand::Rng;
//! use std::time::Duration;
//!
//! let faults = Faults::none(Duration::from_millis(10));
//! let mut cluster = Simulator::new(5, 1, faults, |start| {
//!     let Start { node, nodes, records, now, rng, .. } = start;
//!     Gossip::new(Setting::LOW_LATENCY, node, nodes, records, rng.next_u64(), now)
//! });
//! cluster.request(0, Json::from("news").into());
//! let has = |gossip: &Gossip| gossip.messages().contains(&Json::from("news"));
//! cluster.run_until(Time::from_millis(41));
//! assert_eq!(cluster.cores().filter(|(_, core)| has(core)).count(), 1);
//! cluster.run_until(Time::from_millis(42));
//! assert_eq!(cluster.cores().filter(|(_, core)| has(core)).count(), 5);
//! ```
//!
//! Chapter 3 of the book, `book/03-broadcast.md`, reads this.

mod archive;
mod joining;
#[cfg(test)]
mod joining_tests;
mod message;
mod peer;
mod repair;
mod setting;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use imbl::Vector;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

pub use archive::Batch;
pub use message::{Record, Rumor};
pub use setting::{Route, Setting};

use archive::Archive;
use peer::Peer;

use crate::protocols::core::{Core, Input, Outputs, RequestId, shown, with_state};
use crate::protocols::members::{Membership, Request};
use crate::types::{Incarnation, Json, NodeId, Time, VersionVector};

/// Of what a node has, so many values are shown that came last.
const LATEST_MAX: usize = 5;

/// Numbers of orders have so many bits less than those of incarnations, so that whatever reads JSON
/// keeps them as they are.
const ORDER_SHIFT: u32 = 12;

/// How long a spoke keeps news to itself, hoping for a message to put its vector on.
const REPORT_AFTER: Duration = Duration::from_secs(2);
/// How long a hub does. It is longer, so that the spokes' reports come first, and one
/// announcement tells of them all.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(2_500);
/// How long a neighbour may leave settled messages unacknowledged before it is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an ask may stay unanswered before the node is suspected.
const SUSPECT_AFTER: Duration = Duration::from_secs(2);

/// One node's part of the broadcast: a state machine without I/O or clock. Chance is passed in,
/// and used where members may change. What a client wants of it, [`Core::Local`], is a
/// [`Request`]: mostly a message to broadcast.
///
/// Two nodes, step by step:
///
/// ```
/// use gyre::gossip::{Gossip, Setting};
/// use gyre::protocols::core::{Core, Input};
/// use gyre::{Json, NodeId, Time};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(1);
///
/// let nodes = ["n1", "n2"].map(NodeId::from);
/// let [mut n1, mut n2] = [(0, 17), (1, 18)].map(|(rank, number)| {
///     Gossip::new(Setting::LOW_LATENCY, &nodes[rank], &nodes, Vec::new(), number, Time::ZERO)
/// });
/// n1.step(Time::ZERO, Input::Local { id: 1, request: Json::from("news").into() }, rng);
/// assert!(n1.outputs().send.is_empty()); // more may come: the window is open
/// let later = n1.next_wake().unwrap();
/// n1.step(later, Input::Wake, rng);
/// let (to, message) = n1.outputs().send.remove(0);
/// assert_eq!(to, nodes[1]);
/// n2.step(later, Input::Message { from: nodes[0].clone(), message }, rng);
/// assert_eq!(n2.messages().len(), 1);
/// ```
#[derive(Debug)]
pub struct Gossip {
    setting: Setting,
    me: Incarnation,
    /// The cluster in its own order. A node's *rank* is its place in this list, and the first
    /// in rank that nobody suspects is the hub.
    nodes: Vec<NodeId>,
    my_rank: usize,
    /// What is known about each node, by rank. The entry of this node itself is not used.
    peers: Vec<Peer>,
    membership: Membership<VersionVector>,
    /// The ranks of the other members, and of others that are to get what they lack.
    others: Vec<usize>,

    archive: Archive,
    /// What every node has.
    stable: VersionVector,
    /// What this node has had for at least a second, and what it had at the last look.
    settled: VersionVector,
    unsettled: VersionVector,
    /// Numbers of changes of `archive.have()` and of `stable`: what a peer was told is then
    /// one number, not a copy of a vector.
    have_changes: u64,
    stable_changes: u64,

    /// How many of this node's own messages the fast path has taken.
    sent_own: u64,
    /// Messages of others that the fast path has yet to take.
    relay: Vec<Batch>,
    /// Since when something is missing in the middle of a source's messages.
    gaps: BTreeMap<Incarnation, Time>,
    flush_at: Option<Time>,
    tick_at: Option<Time>,
    settle_at: Time,
    /// Whether this node has yet to hear from the rest of the cluster since it started.
    hello_at: Option<Time>,
    /// Twice how many candidates for the hub are asked at once: 1 as long as all is well, and
    /// doubled each time that none answers.
    probes: usize,

    outputs: Outputs<Record, Rumor, bool>,
}

impl Core for Gossip {
    type Local = Request<Json>;
    /// Whether it is done: a message is durable, and will be everywhere. A change of the members
    /// may be made later, if it is not made yet.
    type Reply = bool;
    type Message = Rumor;
    type Record = Record;

    fn step(&mut self, now: Time, input: Input<Request<Json>, Rumor>, rng: &mut ChaCha8Rng) {
        match input {
            Input::Local { id, request: Request::Change(message) } => {
                self.broadcast(now, id, message);
            }
            Input::Local { id, request: Request::Members(change) } => {
                self.change_members(now, id, &change);
            }
            Input::Message { from, message } => self.hear(now, &from, message),
            Input::Cancel { id } => self.membership.cancel(id),
            Input::Wake | Input::Checkpointed | Input::Stop => {}
        }
        self.advance_membership(now, rng);
        self.do_what_is_due(now);
    }

    fn outputs(&mut self) -> Outputs<Record, Rumor, bool> {
        self.say_words();
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.persist.extend(self.membership.take_news().map(Record::Members));
        outputs
    }

    fn must_persist(&self) -> bool {
        !self.outputs.persist.is_empty() || self.membership.must_store()
    }

    /// `None` when everything is everywhere, and all nodes are members.
    fn next_wake(&self) -> Option<Time> {
        [self.flush_at, self.tick_at, self.membership.next_wake()].into_iter().flatten().min()
    }

    fn checkpoint(&self) -> Box<dyn Iterator<Item = Record>> {
        let name = std::iter::once(Record::Incarnation(self.me.clone()));
        let members = self.membership.stored().map(Record::Members);
        Box::new(name.chain(members).chain(self.archive.all().map(Record::Batch)))
    }

    fn inspect(&self) -> Value {
        let suspected = |rank: &usize| self.peers[*rank].suspected_at.is_some();
        let owed = |rank: &usize| !self.peers[*rank].has.covers(self.archive.have());
        let names = |which: &dyn Fn(&usize) -> bool| -> Vec<&str> {
            let ranks = self.others.iter().filter(|rank| which(rank));
            ranks.map(|rank| self.nodes[*rank].as_str()).collect()
        };
        let latest = self.archive.messages().iter().rev().take(LATEST_MAX);
        let shown = json!({
            "hub": self.nodes[self.hub()].as_str(),
            "messages": self.archive.messages().len(),
            "latest": latest.map(shown).collect::<Vec<_>>(),
            "owes": names(&owed),
            "suspects": names(&suspected),
        });
        with_state(shown, self.membership.inspect())
    }
}

impl Gossip {
    /// The state of `node` after a start at `now`, from what its storage holds. All `nodes` are
    /// members.
    ///
    /// `number` is drawn at random: it names a new incarnation when `records` is empty.
    ///
    /// # Panics
    /// When `node` is not among `nodes`.
    pub fn new(
        setting: Setting,
        node: &NodeId,
        nodes: &[NodeId],
        records: Vec<Record>,
        number: u64,
        now: Time,
    ) -> Gossip {
        Gossip::with_members(setting, node, nodes, nodes, records, number, now)
    }

    /// The same, where the cluster begins with the `initial` ones of all nodes that there will
    /// ever be.
    ///
    /// # Panics
    /// When `node` is not among `nodes`.
    pub fn with_members(
        setting: Setting,
        node: &NodeId,
        nodes: &[NodeId],
        initial: &[NodeId],
        records: Vec<Record>,
        number: u64,
        now: Time,
    ) -> Gossip {
        let my_rank = nodes.iter().position(|other| other == node).expect("a node of the cluster");
        let fresh = records.is_empty();
        let mut me = Incarnation::new(node, number);
        let mut archive = Archive::default();
        let mut membership = Membership::new(node, nodes, initial, now);
        membership.number_orders_from(number >> ORDER_SHIFT);
        for record in records {
            match record {
                Record::Incarnation(stored) => me = stored,
                Record::Batch(batch) => drop(archive.insert(batch)),
                Record::Members(members) => membership.recover(&members),
            }
        }
        membership.begin(archive.have().clone());
        // A fresh cluster soon speaks for itself; a node that comes back has something to ask.
        let hello_at = if fresh { now + Duration::from_secs(1) } else { now };
        let mut gossip = Gossip {
            setting,
            nodes: nodes.to_vec(),
            my_rank,
            peers: nodes.iter().map(|_| Peer::new(now)).collect(),
            membership,
            others: Vec::new(),
            stable: VersionVector::default(),
            settled: archive.have().clone(),
            unsettled: archive.have().clone(),
            have_changes: u64::from(!fresh),
            stable_changes: 0,
            sent_own: archive.have().get(&me),
            relay: Vec::new(),
            gaps: BTreeMap::new(),
            flush_at: None,
            tick_at: Some(hello_at),
            settle_at: now,
            hello_at: (nodes.len() > 1).then_some(hello_at),
            probes: 1,
            outputs: Outputs::default(),
            me,
            archive,
        };
        if fresh {
            let name = Record::Incarnation(gossip.me.clone());
            gossip.outputs.persist.push(name);
        }
        gossip.find_others();
        gossip.do_what_is_due(now);
        gossip
    }

    fn do_what_is_due(&mut self, now: Time) {
        if self.tick_at.is_some_and(|at| at <= now) {
            self.tick(now);
        }
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush(now);
        }
    }

    /// Every message this node knows, each once, in the order of arrival.
    ///
    /// A clone of it shares its parts, so a reader may take one however many there are.
    pub fn messages(&self) -> &Vector<Json> {
        self.archive.messages()
    }

    // ANCHOR: broadcast
    fn broadcast(&mut self, now: Time, id: RequestId, message: Json) {
        self.outputs.reply.push((id, true));
        if self.archive.contains(&message) {
            return;
        }
        // Numbers go on after everything this node ever numbered, early values included: its
        // own values never have a gap.
        let batch = Batch {
            source: self.me.clone(),
            first: self.archive.have().get(&self.me),
            values: vec![message],
        };
        self.take_in(&batch);
        self.schedule_flush(now);
        self.stay_awake(now);
    }
    // ANCHOR_END: broadcast

    /// Archives and persists a batch. Returns the part that was new.
    fn take_in(&mut self, batch: &Batch) -> Option<Batch> {
        let new = self.archive.insert(batch.clone())?;
        self.have_changes += 1;
        self.outputs.persist.push(Record::Batch(new.clone()));
        Some(new)
    }

    /// The rank of the hub: the first member in the list that is not suspected. Who is no member
    /// has none but itself.
    // ANCHOR: hub
    fn hub(&self) -> usize {
        let first = (0..self.my_rank).find(|rank| self.peers[*rank].may_be_hub());
        first.filter(|_| self.membership.is_member()).unwrap_or(self.my_rank)
    }
    // ANCHOR_END: hub

    /// Whether an edge of the tree leads down to this peer: it takes this node for the hub, or
    /// this node takes itself for the hub. Whoever is to join is below who adds it.
    fn is_below(&self, rank: usize, hub: usize) -> bool {
        let peer = &self.peers[rank];
        hub == self.my_rank || peer.hub == Some(self.my_rank) || !peer.is_member
    }

    /// Whether an edge of the tree leads to this peer.
    fn is_neighbour(&self, rank: usize, hub: usize) -> bool {
        rank == hub || self.is_below(rank, hub)
    }

    /// Opens the window, unless it is open. A spoke has none on the way to the hub: a window
    /// there would save far less than the same window at the hub.
    // ANCHOR: window
    fn schedule_flush(&mut self, now: Time) {
        let spoke = self.setting.route == Route::Hub && self.hub() != self.my_rank;
        let window = if spoke { Duration::ZERO } else { self.setting.window };
        self.flush_at.get_or_insert(now + window);
    }
    // ANCHOR_END: window

    /// The fast path: sends what is new to whom the route says. Nodes out of reach are left to
    /// the repair path.
    fn flush(&mut self, now: Time) {
        self.flush_at = None;
        let hub = self.hub();
        let end = self.archive.have().get(&self.me);
        let own = self.archive.range(&self.me, self.sent_own, end);
        let relay = std::mem::take(&mut self.relay);
        self.sent_own = end;
        for rank in self.others.clone() {
            let neighbour = self.is_neighbour(rank, hub);
            if self.peers[rank].suspected_at.is_some()
                || !neighbour && self.setting.route == Route::Hub
            {
                continue;
            }
            let relayed = relay.iter().filter(|_| neighbour);
            let has = &self.peers[rank].has;
            let batches: Vec<Batch> =
                own.iter().chain(relayed).filter_map(|batch| batch.beyond(has)).collect();
            if !batches.is_empty() {
                self.send(now, rank, batches, false, false);
            }
        }
    }

    /// Sends a rumor. Along an edge of the tree, and in asks and answers, it carries the vectors.
    fn send(&mut self, now: Time, rank: usize, batches: Vec<Batch>, ask: bool, answer: bool) {
        let hub = self.hub();
        let members = self.membership.word();
        let mut rumor = Rumor { batches, ask, answer, members, ..self.rumor(hub) };
        let neighbour = self.is_neighbour(rank, hub);
        let peer = &mut self.peers[rank];
        if neighbour || ask || answer {
            rumor.have = Some(self.archive.have().clone());
            peer.told_have = self.have_changes;
            if peer.told_stable < self.stable_changes || answer {
                rumor.stable = Some(self.stable.clone());
                peer.told_stable = self.stable_changes;
            }
            peer.news_since = None;
        }
        if ask {
            peer.asked(now);
        }
        self.outputs.send.push((self.nodes[rank].clone(), rumor));
    }

    /// A rumor that says nothing yet.
    fn rumor(&self, hub: usize) -> Rumor {
        Rumor {
            from: self.me.clone(),
            hub: self.nodes[hub].clone(),
            batches: Vec::new(),
            have: None,
            stable: None,
            ask: false,
            answer: false,
            members: None,
        }
    }
}
