//! Reports: what a run leaves for people to look at.
//!
//! | file | what it shows |
//! |---|---|
//! | `index.html` | everything on one page: verdict, findings, and the run in space and time |
//! | `timeline.html` | the operations, a column for each process |
//! | `messages.svg` | the first messages, one below the other |
//! | `latency-raw.png` | every operation's latency |
//! | `latency-quantiles.png` | the median, the slowest twentieth, hundredth, and the slowest |
//! | `rate.png` | how many operations ended a second |
//! | `independent/<key>/` | lin-kv: history, results and timeline of each key |
//! | `consume-counts.edn` | kafka: how often subscribers consumed each message |
//! | `unseen.png` | kafka: messages that nobody had polled yet |
//! | `realtime-lag-{key,thread,thread-key}.png` | kafka: how far readers were behind |
//!
//! All but the first have the names, colours and limits of the original. Each is a function
//! from what was recorded to bytes, with no clock and no chance, so that a seeded run has the
//! same files every time. Whoever has a folder writes them there.
//!
//! The plots need the feature `plots`: a bench inside something else draws none, and its
//! page has all that they show.
//!
//! Absent: judging. Reports show what the checkers found and never find anything themselves.

pub mod activity;
mod drawings;
mod explanations;
mod faults;
pub mod figures;
mod findings;
mod format;
mod glossary;
pub mod goals;
mod illustrate;
mod involved;
mod keys;
#[cfg(feature = "plots")]
mod lag;
#[cfg_attr(not(feature = "plots"), allow(dead_code, reason = "the plots use the rest"))]
mod logs;
mod messages;
mod page;
#[cfg(feature = "plots")]
mod plots;
#[cfg_attr(not(feature = "plots"), allow(dead_code, reason = "the plots use the rest"))]
mod series;
mod slices;
mod timeline;
#[cfg(feature = "plots")]
mod unseen;
mod waits;

use crate::checker::Judgement;
use crate::edn;
use crate::history::{History, Op};
use crate::journal::Journal;
use crate::options::TestOptions;
use crate::parallel;
use crate::ran::Ran;
use crate::workload::{self, Workload};

use logs::Logs;

pub use activity::Activity;
pub use drawings::ticks;
pub use explanations::{Explanation, Explanations, OTHER_FOLDER, of as explain};
pub use findings::headline;
pub use format::{count, duration_ms, grouped, shorten, shortened, words};
pub use page::STYLE;

/// Everything that a report is made of.
#[derive(Clone, Copy)]
pub struct Recorded<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The options of the test.
    pub options: &'a TestOptions,
    /// What ran.
    pub ran: &'a Ran,
    /// The address at which the playground shows the same run, if it can.
    pub playground: Option<&'a str>,
    /// What the clients saw, as it is drawn.
    pub activity: &'a Activity,
    /// The same, entry by entry.
    pub history: &'a dyn Entries,
    /// What the network saw.
    pub journal: &'a Journal,
    /// What the checkers found.
    pub results: &'a Judgement,
    /// Why the run broke off, if it did.
    pub failure: Option<&'a str>,
}

/// A history that is read from its beginning to its end, as often as it is needed. It may be
/// larger than memory.
pub trait Entries: Sync {
    /// Gives each entry in turn to `take`.
    ///
    /// # Errors
    /// A sentence, when the history cannot be read.
    fn for_each(&self, take: &mut dyn FnMut(&Op)) -> anyhow::Result<()>;
}

impl Entries for History {
    fn for_each(&self, take: &mut dyn FnMut(&Op)) -> anyhow::Result<()> {
        self.ops.iter().for_each(take);
        Ok(())
    }
}

/// How a drawing in a folder of its own links to operations on the page of the run.
pub const LINK_FROM_FILE: &str = "../../index.html#op-";

impl Recorded<'_> {
    fn has_logs(&self) -> bool {
        workload::by_name(self.workload).is_ok_and(Workload::has_logs)
    }
}

/// A file of the report, and how to make it.
type Page<'a> = (&'static str, Box<dyn Fn() -> anyhow::Result<Vec<u8>> + Sync + 'a>);

/// Makes the report's files, side by side: each is given to `write` with its path in the run's
/// folder as soon as it is made, always in the same order. `progress` hears what is being made.
///
/// # Errors
/// What `write` answers, or a sentence about a plot that could not be drawn.
pub fn write(
    recorded: &Recorded,
    progress: &mut dyn FnMut(&'static str),
    write: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (name, activity) = (recorded.workload, recorded.activity);
    progress("drawing what is wrong");
    let folder = workload::by_name(name).ok().and_then(Workload::explanations);
    let folder = folder.unwrap_or(OTHER_FOLDER);
    let illustrations = illustrate::Illustrations::of(recorded)?;
    let explanations = &explanations::illustrated(recorded.results, folder, &illustrations);
    explanations.write(write)?;
    if recorded.has_logs() {
        write_logs(recorded, write)?;
    }
    keys::write(name, recorded.history, recorded.results, write)?;
    progress("drawing plots and pages");
    let waits = &waits::Waits::of(recorded);
    let involved = &involved::AllInvolved::of(recorded, waits);
    let pointers = &findings::pointers(recorded.results, involved);
    let data = &page::pack(recorded, pointers, waits, write)?;
    let pages: &[Page] = &[
        (
            "index.html",
            Box::new(move || {
                Ok(page::page(recorded, pointers, &explanations.shown, involved, data).into())
            }),
        ),
        #[cfg(feature = "plots")]
        ("latency-raw.png", Box::new(move || plots::latency_raw(name, activity))),
        #[cfg(feature = "plots")]
        ("latency-quantiles.png", Box::new(move || plots::latency_quantiles(name, activity))),
        #[cfg(feature = "plots")]
        ("rate.png", Box::new(move || plots::rate(name, activity))),
        ("timeline.html", Box::new(move || Ok(activity.timeline.page(name).into()))),
        ("messages.svg", Box::new(move || Ok(messages::diagram(recorded.journal).into()))),
    ];
    let make = |(path, make): &Page| make().map(|bytes| (*path, bytes));
    parallel::in_order(pages, make, |made| {
        let (path, bytes) = made?;
        write(path, &bytes)
    })?;
    match activity.failure().or(recorded.journal.failure()) {
        Some(sentence) => Err(anyhow::anyhow!("{sentence}")),
        None => Ok(()),
    }
}

/// What there is to show of logs.
fn write_logs(
    recorded: &Recorded,
    write: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    #[cfg(feature = "plots")]
    {
        let (name, activity) = (recorded.workload, recorded.activity);
        let lags = lag::lags(recorded.history, activity.end(), recorded.options.concurrency)?;
        for (group, lags) in [
            ("key", &lags.by_key),
            ("thread", &lags.by_thread),
            ("thread-key", &lags.by_thread_and_key),
        ] {
            let plot = plots::realtime_lag(name, group, activity, lags)?;
            write(&format!("realtime-lag-{group}.png"), &plot)?;
        }
        let unseen = unseen::unseen(recorded.history)?;
        write("unseen.png", &plots::unseen(name, activity, &unseen)?)?;
    }
    let results = recorded.results.part("workload").map_or(&[][..], |part| &part.results);
    let counts = results.iter().find(|(key, _)| key.as_keyword() == Some("consume-counts"));
    if let Some((_, counts)) = counts {
        write("consume-counts.edn", format!("{}\n", edn::pretty(counts)).as_bytes())?;
    }
    for (path, svg) in Logs::of(recorded.history)?.orders() {
        write(&path, svg.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
