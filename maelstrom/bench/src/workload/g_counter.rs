//! G-counter: a counter that only grows. Everything but the generator is as for pn-counter.

use rand_chacha::ChaCha8Rng;

use super::Workload;
use super::pn_counter::{CounterClient, add_or_read, counter_operation, counter_rpcs, final_read};
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{Client, Operation};
use crate::edn::Edn;
use crate::generator::{Generator, InTurn};
use crate::options::TestOptions;
use crate::protocol::Rpc;

/// The g-counter workload.
pub struct GCounter;

impl Workload for GCounter {
    fn name(&self) -> &'static str {
        checker::Workload::GCounter.name()
    }

    fn about(&self) -> &'static str {
        "A counter that only grows: the sum of all that was added, of which a node knows more and \
         more."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        counter_rpcs()
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::GCounter.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(CounterClient)
    }

    /// What pn-counter does, but for the negative additions. That leaves two reads for every
    /// addition, as in the original.
    fn generator(&self, _options: &TestOptions) -> Box<dyn Generator> {
        Box::new(InTurn(|rng: &mut ChaCha8Rng| {
            loop {
                let operation = add_or_read(rng);
                if operation.value.as_i64().is_none_or(|delta| delta >= 0) {
                    return operation;
                }
            }
        }))
    }

    fn final_operation(&self) -> Option<Operation> {
        Some(final_read())
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        counter_operation(f, value)
    }
}
