//! Exercise 14-model, solved: a withdrawal can happen when there is enough.

use crate::stubs::ch14_model::judge;
use crate::{Task, answer};

const MODEL: &str = "
{:model \"account\"
 :state {:balance 10}
 :operations
 {:deposit {:then {:balance (+ balance asked)}}
  :withdraw {:when (<= asked balance)
             :then {:balance (- balance asked)}}
  :read {:when (or (not ok?) (= value balance))}}}
";

/// The model above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(MODEL))
}
