//! Carrying out what the nemesis has decided.

use super::{Engine, Event, NodeState, Phase, TapedStrike};
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use crate::nemesis::{Effect, Strike};

impl Engine<'_> {
    pub(super) fn on_strike(&mut self, fault: usize) {
        if self.phase != Phase::Main || self.is_calm {
            return;
        }
        let (kind, is_in_force) = self.nemesis.fault(fault);
        let taped = self.tape.take_strike(kind);
        // On an edited tape a fault may start or stop twice: the second time changes nothing.
        if taped.as_ref().is_none_or(|taped| taped.starts != is_in_force) {
            let (strike, note) = match taped {
                Some(TapedStrike { starts: true, plan, victims, note, .. }) => {
                    (self.nemesis.strike(fault, plan, &victims), Some(note))
                }
                taped => (self.nemesis.flip(fault), taped.map(|taped| taped.note)),
            };
            let at = self.now.since(self.main_start);
            let victims = self.nemesis.victims(&strike);
            self.tape.note_strike(|| TapedStrike {
                at,
                fault: kind,
                starts: strike.starts,
                plan: strike.plan.clone(),
                victims,
                note: note.unwrap_or_else(|| strike.sentence.clone()),
            });
            self.carry_out(strike);
        }
        self.schedule_strike(fault);
    }

    /// When the fault starts or stops next, a tape says, or else chance.
    pub(super) fn schedule_strike(&mut self, fault: usize) {
        let (kind, _) = self.nemesis.fault(fault);
        let at = if self.tape.is_replayed() {
            let Some(at) = self.tape.next_strike_at(kind) else { return };
            (self.main_start + at).max(self.now)
        } else {
            self.now + self.nemesis.delay(fault)
        };
        self.queue.push(at, Event::Strike { fault });
    }

    /// No more faults: from now on the cluster must recover while its clients look on.
    pub(super) fn calm_down(&mut self) {
        self.is_calm = true;
        for strike in self.nemesis.heal() {
            self.carry_out(strike);
        }
        self.say("no more faults");
    }

    /// The faults' last stop, before the final phase.
    pub(super) fn heal(&mut self) {
        for strike in self.nemesis.heal_all() {
            self.carry_out(strike);
        }
    }

    /// Does it, and writes it down as Jepsen does: an entry before and an entry after.
    fn carry_out(&mut self, strike: Strike) {
        self.record_strike(&strike, strike.plan.clone());
        let sentence = format!("{}: {}", strike.f(), strike.sentence);
        self.say(&sentence);
        let name = strike.fault.name();
        match &strike.effect {
            Effect::Cut(links) => self.network.cut(name, links.clone()),
            Effect::Mend => self.network.mend(name),
            Effect::Loss(per_mille) => self.network.set_loss(*per_mille),
            Effect::Duplicate(per_mille) => self.network.set_duplication(*per_mille),
            Effect::Kill(nodes) => nodes.iter().for_each(|&node| self.kill_node(node)),
            Effect::Start(nodes) => {
                for &node in nodes {
                    if self.nodes[node].state == NodeState::Down {
                        self.nodes[node].state = NodeState::Restarted;
                        self.start_node(node);
                    }
                }
            }
            Effect::Pause(nodes) => nodes.iter().for_each(|&node| self.pause_node(node)),
            Effect::Resume(nodes) => {
                for &node in nodes {
                    self.cluster.resume(node, self.now, &mut self.outputs);
                }
            }
            Effect::Skew(changes) => {
                for &(node, rate_per_mille, jump) in changes {
                    let now = self.now;
                    self.cluster.skew(node, rate_per_mille, jump, now, &mut self.outputs);
                }
            }
            Effect::ChangeMembers { wanted, ends } => self.change_members(wanted, *ends),
            Effect::KeepMembers => {}
        }
        self.record_strike(&strike, strike.outcome.clone());
    }

    pub(super) fn kill_node(&mut self, node: usize) {
        if matches!(self.nodes[node].state, NodeState::Down | NodeState::Absent) {
            return;
        }
        self.nodes[node].state = NodeState::Down;
        if let Some(connection) = self.nodes[node].init.take() {
            self.close_connection(connection);
        }
        self.cluster.kill(node, self.now);
        self.journal.record_kill(self.now, &self.options.nodes[node]);
        self.observer.killed(&self.options.nodes[node]);
    }

    fn pause_node(&mut self, node: usize) {
        if matches!(self.nodes[node].state, NodeState::Down | NodeState::Absent) {
            let sentence = format!("{} is down, so it is not paused", self.options.nodes[node]);
            self.say(&sentence);
        } else {
            self.cluster.pause(node);
        }
    }

    fn record_strike(&mut self, strike: &Strike, value: Edn) {
        self.record(Op {
            index: 0,
            time: 0,
            kind: OpType::Info,
            process: ProcessId::Nemesis,
            f: strike.f().into(),
            value,
            extra: Vec::new(),
        });
    }
}
