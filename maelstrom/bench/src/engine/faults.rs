//! Carrying out what the nemesis has decided.

use std::time::Duration;

use super::{Engine, Event, NodeState, Phase, TapedStrike};
use crate::edn::Edn;
use crate::history::{Op, OpType, ProcessId};
use crate::nemesis::{DiskFault, Effect, Fault, Strike, Victims};

impl Engine<'_> {
    pub(super) fn on_strike(&mut self, fault: usize) {
        if self.phase != Phase::Main || self.is_calm {
            return;
        }
        let (kind, _) = self.nemesis.fault(fault);
        match self.tape.take_strike(kind) {
            Some(taped) => self.do_taped(fault, taped),
            None => {
                let strike = self.nemesis.flip(fault);
                let (victims, note) = (self.nemesis.victims(&strike), strike.sentence.clone());
                self.note_and_carry_out(strike, TapedStrike { victims, note, ..nothing(kind) });
            }
        }
        self.schedule_strike(fault);
    }

    /// The further administrators come, unless a tape says what they do.
    pub(super) fn schedule_administrators(&mut self) {
        let may_change = self.options.faults.contains(&Fault::Membership);
        if may_change && !self.tape.is_replayed() {
            (1..self.options.administrators).for_each(|_| self.schedule_administrator());
        }
    }

    fn schedule_administrator(&mut self) {
        let delay = self.nemesis.administrator_delay();
        self.queue.push(self.now + delay, Event::Administrator);
    }

    /// One more administrator asks for a change, and does not wait for those of the others.
    pub(super) fn on_administrator(&mut self) {
        if self.phase != Phase::Main || self.is_calm {
            return;
        }
        let strike = self.nemesis.change_besides();
        let (victims, note) = (self.nemesis.victims(&strike), strike.sentence.clone());
        let taped = TapedStrike { adds: true, victims, note, ..nothing(Fault::Membership) };
        self.note_and_carry_out(strike, taped);
        self.schedule_administrator();
    }

    /// A move that comes besides those of the seed.
    pub(super) fn on_edit(&mut self, edit: TapedStrike) {
        if self.phase == Phase::Main && !self.is_calm {
            let fault = self.nemesis.number(edit.fault).expect("the faults of edits are known");
            self.do_taped(fault, edit);
        }
    }

    fn do_taped(&mut self, fault: usize, taped: TapedStrike) {
        let (_, is_in_force) = self.nemesis.fault(fault);
        let (plan, victims) = (taped.plan.clone(), &taped.victims);
        let strike = match (taped.adds, taped.starts) {
            (true, true) => self.nemesis.add(fault, plan, victims),
            (true, false) => self.nemesis.release(fault, victims),
            // On an edited tape a fault may start or stop twice: the second time changes nothing.
            (false, starts) if starts == is_in_force => return,
            (false, true) => self.nemesis.strike(fault, plan, victims),
            (false, false) => self.nemesis.flip(fault),
        };
        let victims = match taped.adds {
            true => taped.victims.clone(),
            false => self.nemesis.victims(&strike),
        };
        self.note_and_carry_out(strike, TapedStrike { victims, ..taped });
    }

    /// Notes on the tape what the nemesis does now, and does it.
    fn note_and_carry_out(&mut self, strike: Strike, taped: TapedStrike) {
        let at = self.now.since(self.main_start);
        let (starts, plan) = (strike.starts, strike.plan.clone());
        self.tape.note_strike(|| TapedStrike { at, starts, plan, ..taped });
        self.carry_out(strike);
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
        self.observer.strike(self.now, &strike);
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
                nodes.iter().for_each(|&node| self.start_again(node));
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
            Effect::ChangeMembers { wanted, ends, at_once } => {
                self.change_members(wanted, *ends, *at_once);
            }
            Effect::KeepMembers => {}
            Effect::HarmDisks(disks) => {
                disks.iter().for_each(|&(node, fault)| self.harm_disk(node, fault));
            }
            Effect::MendDisks(nodes) => nodes.iter().for_each(|&node| self.mend_disk(node)),
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

    fn harm_disk(&mut self, node: usize, fault: DiskFault) {
        if self.nodes[node].state == NodeState::Absent {
            return;
        }
        if let Some(trouble) = fault.trouble() {
            self.nodes[node].has_disk_trouble = true;
            if let Err(sentence) = self.cluster.set_disk_trouble(node, Some(trouble)) {
                return self.fail(sentence);
            }
        }
        let is_there = self.nodes[node].state != NodeState::Down;
        match fault {
            DiskFault::PowerCut if is_there => {
                self.kill_node(node);
                self.nodes[node].awaits_disk = true;
            }
            // A disk is read when a node starts.
            DiskFault::Rot(_) if is_there => {
                self.kill_node(node);
                self.start_again(node);
            }
            _ => {}
        }
    }

    fn mend_disk(&mut self, node: usize) {
        self.nodes[node].has_disk_trouble = false;
        match self.cluster.set_disk_trouble(node, None) {
            Err(sentence) => return self.fail(sentence),
            Ok(false) if !self.nodes[node].is_known_to_write_nothing => {
                self.nodes[node].is_known_to_write_nothing = true;
                let name = &self.options.nodes[node];
                let sentence = format!(
                    "{name} has written nothing to a disk of the bench, so what is wrong with its \
                     disk changes nothing: only what goes through gyre's storage is harmed"
                );
                self.say(&sentence);
            }
            Ok(_) => {}
        }
        if self.nodes[node].awaits_disk {
            self.start_again(node);
        }
    }

    /// A node has ended because of its disk. Under the wall clock that is seen a moment later, when
    /// the disk may have been mended already.
    pub(super) fn on_node_gave_up(&mut self, node: usize, sentence: &str) {
        let sentence = format!("{} has ended: {sentence}", self.options.nodes[node]);
        self.say(&sentence);
        self.kill_node(node);
        match self.nodes[node].has_disk_trouble {
            true => self.nodes[node].awaits_disk = true,
            false => self.start_again(node),
        }
    }

    /// Starts a node that is down.
    fn start_again(&mut self, node: usize) {
        if self.nodes[node].state == NodeState::Down {
            self.nodes[node].state = NodeState::Restarted;
            self.start_node(node);
        }
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

/// A move of a fault on which nothing stands yet.
fn nothing(fault: Fault) -> TapedStrike {
    TapedStrike {
        at: Duration::ZERO,
        fault,
        starts: false,
        adds: false,
        plan: Edn::Nil,
        victims: Victims::Nobody,
        note: String::new(),
    }
}
