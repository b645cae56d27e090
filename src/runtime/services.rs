//! Clients for the services that the bench provides: three key-value stores, which differ in
//! nothing but their consistency, and a source of timestamps.
//!
//! See Maelstrom's `doc/services.md`. A service can always be reached, also in a partition;
//! still, an error may be indefinite, and a `cas` that timed out may have happened.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::runtime::ctx::Ctx;
use crate::types::{Body, Error, ErrorCode, NodeId};

/// How long a service has to answer, unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Ctx {
    /// The bench's sequentially consistent key-value store.
    pub fn seq_kv(&self) -> Kv {
        Kv::new(self, "seq-kv")
    }

    /// The bench's linearizable key-value store.
    pub fn lin_kv(&self) -> Kv {
        Kv::new(self, "lin-kv")
    }

    /// The bench's eventually consistent key-value store, where the last writer wins.
    pub fn lww_kv(&self) -> Kv {
        Kv::new(self, "lww-kv")
    }

    /// The bench's linearizable source of timestamps.
    pub fn lin_tso(&self) -> Tso {
        Tso::new(self)
    }
}

/// A client of one key-value store. Keys and values are anything that serde knows; make them
/// simple, for a key is told from another by its JSON. [`Ctx`] has an example.
///
/// What a counter on `seq-kv` does for an increment, and what the service is asked:
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/example.rs")); }
/// # use {example::*, serde_json::json};
/// use gyre::Process;
///
/// let mut node = asked(async |ctx| {
///     let count = ctx.seq_kv().read_if_exists(&"count").await?.unwrap_or(0);
///     ctx.seq_kv().cas_or_create(&"count", &count, &(count + 1)).await?;
///     Ok(json!({ "type": "go_ok" }))
/// });
/// let read = node.poll_transmit().unwrap();
/// assert_eq!((read.dest.as_str(), read.body.kind()), ("seq-kv", "read"));
/// answer(&mut node, read, json!({ "type": "read_ok", "value": 7 }));
/// let cas: serde_json::Value = node.poll_transmit().unwrap().body.to()?;
/// assert_eq!(cas["from"], 7);
/// assert_eq!(cas["to"], 8);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Kv {
    ctx: Ctx,
    service: NodeId,
    timeout: Duration,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request<'a, K, V> {
    Read {
        key: &'a K,
    },
    Write {
        key: &'a K,
        value: &'a V,
    },
    Cas {
        key: &'a K,
        from: &'a V,
        to: &'a V,
        // Only sent when it is wanted: not every store knows it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        create_if_not_exists: bool,
    },
}

impl Kv {
    pub(crate) fn new(ctx: &Ctx, service: &str) -> Kv {
        Kv { ctx: ctx.clone(), service: NodeId::from(service), timeout: TIMEOUT }
    }

    /// The same client with this long to wait for each answer, instead of 2 s.
    pub fn with_timeout(self, timeout: Duration) -> Kv {
        Kv { timeout, ..self }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `key-does-not-exist`, among what any call can say.
    pub async fn read<V: DeserializeOwned>(&self, key: &impl Serialize) -> Result<V, Error> {
        #[derive(Deserialize)]
        struct ReadOk<V> {
            value: V,
        }
        let reply = self.call::<_, ()>(Request::Read { key }, "read_ok").await?;
        let ReadOk { value } = reply.to().map_err(|error| {
            Error::crash(format!("{} read a value of an unexpected type: {error}", self.service))
        })?;
        Ok(value)
    }

    /// The value of a key, or `None` when there is no such key.
    ///
    /// # Errors
    /// What any call can say.
    pub async fn read_if_exists<V: DeserializeOwned>(
        &self,
        key: &impl Serialize,
    ) -> Result<Option<V>, Error> {
        match self.read(key).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code == ErrorCode::KeyDoesNotExist => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a key, whether it existed or not.
    ///
    /// # Errors
    /// What any call can say.
    pub async fn write(&self, key: &impl Serialize, value: &impl Serialize) -> Result<(), Error> {
        self.call(Request::Write { key, value }, "write_ok").await.map(drop)
    }

    /// Sets a key to `to` if it is `from`: compare and set.
    ///
    /// # Errors
    /// `key-does-not-exist`, or `precondition-failed` when it is something else than `from`,
    /// among what any call can say.
    pub async fn cas<V: Serialize>(
        &self,
        key: &impl Serialize,
        from: &V,
        to: &V,
    ) -> Result<(), Error> {
        let request = Request::Cas { key, from, to, create_if_not_exists: false };
        self.call(request, "cas_ok").await.map(drop)
    }

    /// As [`cas`](Kv::cas), but a key that does not exist is created, and is then `to`. The
    /// `lww-kv` service does not know this.
    ///
    /// # Errors
    /// `precondition-failed` when it is something else than `from`, among what any call can say.
    pub async fn cas_or_create<V: Serialize>(
        &self,
        key: &impl Serialize,
        from: &V,
        to: &V,
    ) -> Result<(), Error> {
        let request = Request::Cas { key, from, to, create_if_not_exists: true };
        self.call(request, "cas_ok").await.map(drop)
    }

    async fn call<K: Serialize, V: Serialize>(
        &self,
        request: Request<'_, K, V>,
        expected: &str,
    ) -> Result<Body, Error> {
        let reply = self.ctx.rpc(&self.service, &request, self.timeout).await?;
        expect_kind(reply, expected, &self.service)
    }
}

/// A client of the source of timestamps.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/example.rs")); }
/// # use {example::*, serde_json::json};
/// use gyre::Process;
///
/// let mut node = asked(async |ctx| {
///     let timestamp = ctx.lin_tso().ts().await?;
///     Ok(json!({ "type": "go_ok", "timestamp": timestamp }))
/// });
/// let request = node.poll_transmit().unwrap();
/// assert_eq!((request.dest.as_str(), request.body.kind()), ("lin-tso", "ts"));
/// answer(&mut node, request, json!({ "type": "ts_ok", "ts": 41 }));
/// let reply: serde_json::Value = node.poll_transmit().unwrap().body.to()?;
/// assert_eq!(reply["timestamp"], 41);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Tso {
    ctx: Ctx,
    service: NodeId,
    timeout: Duration,
}

impl Tso {
    pub(crate) fn new(ctx: &Ctx) -> Tso {
        Tso { ctx: ctx.clone(), service: NodeId::from("lin-tso"), timeout: TIMEOUT }
    }

    /// The same client with this long to wait for each answer, instead of 2 s.
    pub fn with_timeout(self, timeout: Duration) -> Tso {
        Tso { timeout, ..self }
    }

    /// A timestamp that is greater than every one that anybody was given before this call.
    ///
    /// # Errors
    /// What any call can say.
    pub async fn ts(&self) -> Result<u64, Error> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "ts")]
        struct Request {}
        #[derive(Deserialize)]
        struct TsOk {
            ts: u64,
        }
        let reply = self.ctx.rpc(&self.service, &Request {}, self.timeout).await?;
        let reply = expect_kind(reply, "ts_ok", &self.service)?;
        let TsOk { ts } = reply.to().map_err(|error| {
            Error::crash(format!("{} gave an unexpected timestamp: {error}", self.service))
        })?;
        Ok(ts)
    }
}

fn expect_kind(reply: Body, expected: &str, service: &NodeId) -> Result<Body, Error> {
    if reply.kind() == expected {
        return Ok(reply);
    }
    Err(Error::crash(format!("{service} answered {} and not {expected}", reply.as_json())))
}
