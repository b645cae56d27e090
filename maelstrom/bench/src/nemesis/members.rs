//! Who is to be a member: what the nemesis wants, and what further administrators want.
//!
//! The nemesis has plans: the cluster grows, shrinks, or replaces one of its members or all. A
//! further administrator knows of no plan. It wants one node to join that was to be none, or one
//! to leave. It draws from a random stream of its own, so that a run in which there is none of
//! them stays what it was.

use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::{Effect, Fault, Nemesis, Strike, Victims};
use crate::edn::Edn;

impl Nemesis {
    /// How long a further administrator waits before the next change.
    pub fn administrator_delay(&mut self) -> Duration {
        Duration::from_secs_f64(self.administrators.random_range(0.0..2.0) * self.interval_secs)
    }

    /// A further administrator wants one node to join, or to leave.
    ///
    /// # Panics
    /// When the members are not to change.
    pub fn change_besides(&mut self) -> Strike {
        let number = self.number(Fault::Membership).expect("the members are to change");
        let node = self.administrators.random_range(0..self.nodes.len());
        let mut wanted = self.members.clone();
        wanted.retain(|member| *member != node);
        if wanted.len() == self.members.len() {
            wanted.push(node);
        }
        let wanted = wanted.iter().map(|node| self.nodes[*node].clone()).collect();
        let victims = Victims::Members { wanted, ends: false };
        self.add(number, Edn::Nil, &victims)
    }

    /// Who is to be a member next. New members are rather nodes that never were one.
    pub(super) fn choose_members(&self, rng: &mut impl Rng) -> (&'static str, Vec<usize>) {
        let mut members = self.members.clone();
        let mut others: Vec<usize> =
            (0..self.nodes.len()).filter(|node| !members.contains(node)).collect();
        members.shuffle(rng);
        others.shuffle(rng);
        others.sort_by_key(|node| self.were_members.contains(node));
        let (some, are_spare) = (members.len() > 1, !others.is_empty());
        let plans = [("grow", are_spare), ("shrink", some), ("replace", are_spare)];
        let plans = plans.into_iter().chain([("replace-all", some && are_spare)]);
        let plans: Vec<&str> = plans.filter(|(_, can)| *can).map(|(plan, _)| plan).collect();
        // One node that is alone stays what it is.
        let Some(&plan) = plans.get(rng.random_range(0..plans.len().max(1))) else {
            return ("keep", members);
        };
        let (leave, join) = match plan {
            "grow" => (0, 1),
            "shrink" => (1, 0),
            "replace" => (1, 1),
            _ => (members.len().min(others.len()), members.len()),
        };
        (plan, members.into_iter().skip(leave).chain(others.into_iter().take(join)).collect())
    }

    /// A change of the members.
    pub(super) fn on_members(&self, plan: Edn, mut wanted: Vec<usize>, ends: bool) -> Strike {
        if wanted.is_empty() {
            // Somebody has to be one.
            wanted.clone_from(&self.members);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let names = self.names(&wanted);
        let others = if ends { "; whoever leaves ends" } else { "" };
        let sentence = format!("the members are to be {}{others}", names.join(", "));
        let outcome = Edn::from(names);
        let effect = Effect::ChangeMembers { wanted, ends, at_once: false };
        Strike { fault: Fault::Membership, starts: true, plan, outcome, sentence, effect }
    }

    pub(super) fn note_members(&mut self, strike: &Strike) {
        if let Effect::ChangeMembers { wanted, .. } = &strike.effect {
            self.members.clone_from(wanted);
            self.were_members.extend(wanted);
        }
    }
}
