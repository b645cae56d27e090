//! How many messages the network carried, and how many an operation cost.
//!
//! Always valid: it informs. The result has the original's keys (its `net/checker.clj`):
//! `:all`, `:clients` and `:servers`, each with `:send-count`, `:recv-count` and
//! `:msg-count` (distinct messages), and `:msgs-per-op` on `:all` and `:servers`.

use crate::checker::{Judgement, Validity, fraction};
use crate::edn::Edn;
use crate::journal::{MessageCount, NetStats};

/// The statistics of a run in which clients began so many operations. Without any there is no
/// `:msgs-per-op`, for there is nothing to divide by.
pub fn check(stats: &NetStats, op_count: u64) -> Judgement {
    let all = stats.all();
    Judgement::new(
        Validity::True,
        [
            ("all", count(all, per_op(all, op_count))),
            ("clients", count(stats.clients, None)),
            ("servers", count(stats.servers, per_op(stats.servers, op_count))),
        ],
    )
}

fn per_op(messages: MessageCount, op_count: u64) -> Option<Edn> {
    (op_count > 0).then(|| fraction(messages.send_count, op_count))
}

fn count(messages: MessageCount, msgs_per_op: Option<Edn>) -> Edn {
    let number = |count: u64| Edn::Int(count as i64);
    let mut entries = vec![
        (Edn::keyword("send-count"), number(messages.send_count)),
        (Edn::keyword("recv-count"), number(messages.recv_count)),
        (Edn::keyword("msg-count"), number(messages.send_count)),
    ];
    entries.extend(msgs_per_op.map(|ratio| (Edn::keyword("msgs-per-op"), ratio)));
    Edn::Map(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_divided_by_client_operations() {
        let clients = MessageCount { send_count: 130, recv_count: 130 };
        let servers = MessageCount { send_count: 320, recv_count: 319 };
        let stats = NetStats { clients, servers };
        assert_eq!(
            check(&stats, 55).to_edn().to_string(),
            "{:valid? true, \
             :all {:send-count 450, :recv-count 449, :msg-count 450, :msgs-per-op 8.181818}, \
             :clients {:send-count 130, :recv-count 130, :msg-count 130}, \
             :servers {:send-count 320, :recv-count 319, :msg-count 320, :msgs-per-op 5.818182}}"
        );
        assert!(!check(&stats, 0).to_edn().to_string().contains("per-op"));
    }
}
