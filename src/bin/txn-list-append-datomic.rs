//! Transactions over lists, strict-serializable, without consensus of its own: the way that
//! Datomic works, as chapter 5 of Maelstrom's guide tells it.
//!
//! All lists are a tree of pages that never change (`src/txn/tree.rs`), kept in `lww-kv`. One
//! key in `lin-kv`, [`ROOT`], names the present root, and moves by compare-and-set: that is the
//! moment at which transactions take place (`src/txn/optimistic.rs`). The rest needs no strong
//! store. `lww-kv` may for a while not know a page that was written, but what it does know of
//! it is right, for there is only one version of it: so a page that is missing is asked for
//! again.
//!
//! A node does all transactions that have come in as one batch, so that they do not conflict
//! with each other, and one compare-and-set does for all. Those that only read are answered
//! before the writers run: the root was read after they had come in, so they take place at
//! that moment, and nothing that they have seen can still fail.
//!
//! Pages are cached, as they stay right for ever, and only those that a transaction touches are
//! fetched. Another node's commit gets in the way of a batch whatever its keys are; it is then
//! done again, with most pages in the cache. A transaction that has no luck for [`GIVE_UP_AFTER`]
//! fails with error 30.
//!
//! Nothing on a node needs to survive a crash.
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use gyre::transactions::optimistic::{self, Commit};
use gyre::transactions::tree::{Cache, Page, PageId};
use gyre::transactions::{Kind, Lists, Request, Response, Txn, is_read_only};
use gyre::{Ctx, Error, Incarnation, Node, NodeId, Time, async_trait};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

/// The key in `lin-kv` that holds the name of the root.
const ROOT: &str = "root";
/// How long a transaction is tried. Its client waits for 5 s, and the last try takes time too.
const GIVE_UP_AFTER: Duration = Duration::from_secs(4);
/// How long to wait before a page that was not found is asked for again.
const PAGE_PAUSE: Duration = Duration::from_millis(5);
/// How often.
const PAGE_ATTEMPTS: usize = 50;
/// The longest pause after a failure. It doubles with each in a row, up to so many.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const FAILURES_COUNTED_MAX: u32 = 6;

/// What a key holds.
type Held = <Lists as Kind>::Held;

struct Datomic {
    waiting: RefCell<Vec<Waiting>>,
    arrived: Notify,
    cache: RefCell<Cache<Held>>,
    /// The root as it was last seen.
    seen: RefCell<Option<PageId>>,
    /// New pages are named by who made them and a number.
    me: Incarnation,
    pages_made: Cell<u64>,
}

/// A transaction that waits for its result.
struct Waiting {
    txn: Txn<Lists>,
    give_up_at: Time,
    result: oneshot::Sender<Result<Txn<Lists>, Error>>,
}

impl Waiting {
    fn end(self, result: Result<Txn<Lists>, Error>) {
        // Nobody listens any more if the handler was dropped.
        let _ = self.result.send(result);
    }
}

impl Datomic {
    fn new(ctx: &Ctx) -> Datomic {
        Datomic {
            waiting: RefCell::default(),
            arrived: Notify::new(),
            cache: RefCell::default(),
            seen: RefCell::default(),
            me: Incarnation::new(ctx.id(), ctx.rng().random()),
            pages_made: Cell::new(0),
        }
    }
}

#[async_trait(?Send)]
impl Node for Datomic {
    type Request = Request<Lists>;
    type Response = Response<Lists>;

    fn inspect(&self) -> Option<Value> {
        Some(json!({ "root": *self.seen.borrow(), "waiting": self.waiting.borrow().len() }))
    }

    async fn handle(
        &self,
        ctx: &Ctx,
        request: Request<Lists>,
        _: NodeId,
    ) -> Result<Response<Lists>, Error> {
        let Request::Txn { txn } = request;
        let (result, end) = oneshot::channel();
        let give_up_at = ctx.now() + GIVE_UP_AFTER;
        self.waiting.borrow_mut().push(Waiting { txn, give_up_at, result });
        self.arrived.notify_one();
        let txn = end.await.expect("every transaction ends")?;
        Ok(Response::TxnOk { txn })
    }

    /// Does batch after batch.
    async fn background(&self, ctx: &Ctx) {
        let mut failures = 0;
        loop {
            while self.waiting.borrow().is_empty() {
                self.arrived.notified().await;
            }
            let mut batch = self.waiting.take();
            let attempt = self.attempt(ctx, &mut batch).await;
            // Whoever is left in the batch has no result yet, and goes first next time.
            let arrived = self.waiting.replace(batch);
            self.waiting.borrow_mut().extend(arrived);
            match attempt {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures = (failures + 1).min(FAILURES_COUNTED_MAX);
                    self.give_up(ctx.now(), &error);
                    let longest = FIRST_PAUSE * (1 << failures);
                    let pause = longest.mul_f64(ctx.rng().random_range(0.0..1.0));
                    ctx.sleep(pause).await;
                }
            }
        }
    }
}

impl Datomic {
    /// Does a batch, and takes out of it everyone who has a result.
    ///
    /// # Errors
    /// A definite one: those left in the batch have not taken place.
    async fn attempt(&self, ctx: &Ctx, batch: &mut Vec<Waiting>) -> Result<(), Error> {
        self.cache.borrow_mut().trim();
        let root: Option<PageId> =
            ctx.lin_kv().read_if_exists(&ROOT).await.map_err(not_available)?;
        self.seen.replace(root.clone());
        self.fetch(ctx, root.as_ref(), batch).await?;

        let readers: Vec<Waiting> = batch.extract_if(.., |one| is_read_only(&one.txn)).collect();
        let (done, _) = self.execute(root.as_ref(), &readers);
        end_all(readers, done);

        let (done, commit) = self.execute(root.as_ref(), batch);
        let Some(commit) = commit else { return Ok(()) };
        self.store(ctx, commit.pages).await?;
        match self.move_root(ctx, root, commit.root).await {
            Ok(()) => end_all(std::mem::take(batch), done),
            Err(error) if error.is_definite() => {
                return Err(Error::txn_conflict(format!(
                    "another transaction came first: {error}"
                )));
            }
            // It may have moved: nobody knows.
            Err(error) => batch.drain(..).for_each(|one| one.end(Err(error.clone()))),
        }
        Ok(())
    }

    fn execute(
        &self,
        root: Option<&PageId>,
        batch: &[Waiting],
    ) -> (Vec<Txn<Lists>>, Option<Commit<Held>>) {
        let new_id = || {
            self.pages_made.update(|made| made + 1);
            format!("{}/{}", self.me, self.pages_made.get())
        };
        let txns = batch.iter().map(|one| &one.txn);
        optimistic::execute(root, txns, &self.cache.borrow(), new_id)
    }

    /// Gets all pages that a batch touches into the cache, level by level.
    async fn fetch(
        &self,
        ctx: &Ctx,
        root: Option<&PageId>,
        batch: &[Waiting],
    ) -> Result<(), Error> {
        loop {
            let txns = batch.iter().map(|one| &one.txn);
            let ids = optimistic::needed(root, txns, &self.cache.borrow());
            if ids.is_empty() {
                return Ok(());
            }
            let reads = ids.into_iter().map(|id| read_page(ctx.clone(), id));
            for read in all(ctx, reads).await {
                let (id, page) = read?;
                self.cache.borrow_mut().insert(id, page);
            }
        }
    }

    /// Stores new pages. Until a root refers to them they change nothing.
    async fn store(&self, ctx: &Ctx, pages: BTreeMap<PageId, Page<Held>>) -> Result<(), Error> {
        let writes = pages.clone().into_iter().map(|(id, page)| {
            let pages = ctx.lww_kv();
            async move { pages.write(&id, &page).await }
        });
        for write in all(ctx, writes).await {
            write.map_err(not_available)?;
        }
        pages.into_iter().for_each(|(id, page)| self.cache.borrow_mut().insert(id, page));
        Ok(())
    }

    /// Commits. Every root has a name of its own, so if the old one is still in its place, then
    /// nothing was committed since it was read.
    // ANCHOR: move-root
    async fn move_root(&self, ctx: &Ctx, from: Option<PageId>, to: PageId) -> Result<(), Error> {
        match from {
            Some(from) => ctx.lin_kv().cas(&ROOT, &from, &to).await,
            // No root is called like this, so it is the creation that counts here.
            None => ctx.lin_kv().cas_or_create(&ROOT, &PageId::new(), &to).await,
        }
    }
    // ANCHOR_END: move-root

    /// Ends the transactions whose time is over, with this error.
    fn give_up(&self, now: Time, error: &Error) {
        assert!(error.is_definite(), "those who wait have not taken place");
        let mut waiting = self.waiting.borrow_mut();
        for one in waiting.extract_if(.., |one| one.give_up_at <= now) {
            one.end(Err(error.clone()));
        }
    }
}

fn end_all(batch: Vec<Waiting>, done: Vec<Txn<Lists>>) {
    batch.into_iter().zip(done).for_each(|(one, txn)| one.end(Ok(txn)));
}

/// What went wrong before the compare-and-set has changed nothing.
fn not_available(error: Error) -> Error {
    Error::temporarily_unavailable(format!("nothing was committed: {error}"))
}

/// A page that was written before, but perhaps not everywhere yet.
async fn read_page(ctx: Ctx, id: PageId) -> Result<(PageId, Page<Held>), Error> {
    for _ in 0..PAGE_ATTEMPTS {
        if let Some(page) = ctx.lww_kv().read_if_exists(&id).await.map_err(not_available)? {
            return Ok((id, page));
        }
        ctx.sleep(PAGE_PAUSE).await;
    }
    Err(Error::temporarily_unavailable(format!("page {id} is not to be found; try again")))
}

/// Does all of these at once.
async fn all<T: 'static>(
    ctx: &Ctx,
    tasks: impl Iterator<Item = impl Future<Output = T> + 'static>,
) -> Vec<T> {
    let mut receivers = Vec::new();
    for task in tasks {
        let (sender, receiver) = oneshot::channel();
        ctx.spawn(async move { drop(sender.send(task.await)) });
        receivers.push(receiver);
    }
    let mut results = Vec::with_capacity(receivers.len());
    for receiver in receivers {
        results.push(receiver.await.expect("a task ends"));
    }
    results
}

fn main() -> ExitCode {
    gyre::run(Datomic::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::Datomic;

    #[test]
    fn sim() {
        maelstrom::check("txn-list-append", Datomic::new)
            .named("txn-list-append-datomic")
            .faults(Fault::COMMON)
            .seeds(0..60);
    }
}
