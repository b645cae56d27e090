//! Exercise 14-model: an object of one's own, in a few lines.
//!
//! An account holds 10 at first. `deposit` adds to it, `withdraw` takes from it, `read` gives what it
//! holds. It never holds less than 0: a withdrawal of more than there is must fail. Write that
//! down as a model; `book/models.md` has the language.

use maelstrom::checker::{History, Model, Validity};

use crate::{Task, answer};

/// To do: this account lets everybody withdraw anything.
pub const MODEL: &str = "
{:model \"account\"
 :state {:balance 10}
 :operations
 {:deposit {:then {:balance (+ balance asked)}}
  :withdraw {:then {:balance (- balance asked)}}
  :read {:when (or (not ok?) (= value balance))}}}
";

/// Histories, a line an entry: client, type, operation, value. And whether they are right.
const CASES: &[(bool, &str)] = &[
    (true, "0 invoke deposit 5\n0 ok deposit 5\n1 invoke read nil\n1 ok read 15"),
    (false, "0 invoke deposit 5\n0 ok deposit 5\n1 invoke read nil\n1 ok read 10"),
    (true, "0 invoke withdraw 10\n0 ok withdraw 10\n1 invoke read nil\n1 ok read 0"),
    (true, "0 invoke withdraw 11\n0 fail withdraw 11\n1 invoke read nil\n1 ok read 10"),
    (false, "0 invoke withdraw 11\n0 ok withdraw 11\n1 invoke deposit 5\n1 ok deposit 5"),
    // The deposit may have come first.
    (true, "0 invoke withdraw 11\n1 invoke deposit 5\n1 ok deposit 5\n0 ok withdraw 11"),
    // Nobody knows of the withdrawal: it may have happened, but not when there was too little.
    (true, "0 invoke withdraw 4\n0 info withdraw 4\n1 invoke read nil\n1 ok read 6"),
    (false, "0 invoke withdraw 14\n0 info withdraw 14\n1 invoke read nil\n1 ok read -4"),
];

/// Judges the histories by a model.
///
/// # Errors
/// The first that it judges wrong.
pub fn judge(model: &str) -> Result<(), String> {
    for (is_right, lines) in CASES {
        let entry = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [process, kind, f, value] = words[..] else { unreachable!("four words a line") };
            format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}}}\n")
        };
        let text: String = lines.lines().map(entry).collect();
        let judgement = History::parse(&text)?.judge(Model::written(model, None)?);
        let can = if *is_right { "can" } else { "cannot" };
        match judgement.verdict {
            Validity::Unknown => {
                return Err(format!("it cannot say of this history:\n{judgement}"));
            }
            verdict if (verdict == Validity::True) != *is_right => {
                return Err(format!("this history {can} be, and the model is wrong:\n{text}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The model above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(MODEL))
}
