//! A key-value store that passes requests on to another, with a bug: it remembers what it has
//! read, and nobody tells it when that is no longer so.
//!
//! - **Found in**: the cache of Facebook: Nishtala et al., *Scaling Memcache at Facebook* (NSDI
//!   2013), section 3.2.1: a cache that is filled by readers keeps what writers have changed in
//!   the meantime.
//! - **Review**: “Who clears this entry when another node writes?” Nobody.
//! - **Fails by**: not-linearizable

use std::cell::RefCell;
use std::collections::BTreeMap;

use gyre::key_value::{Request, Response};
use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;

struct LinKv {
    cache: RefCell<BTreeMap<String, Json>>,
}

impl LinKv {
    fn new(_: &Ctx) -> LinKv {
        LinKv { cache: RefCell::default() }
    }

    fn cached(&self, key: &Json) -> Option<Json> {
        self.cache.borrow().get(key.as_str()).cloned()
    }
}

#[async_trait(?Send)]
impl Node for LinKv {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        Ok(match request {
            Request::Read { key } => {
                let cached = if bugs::planted() { self.cached(&key) } else { None };
                let value = match cached {
                    Some(value) => value,
                    None => ctx.lin_kv().read(&key).await?,
                };
                self.cache.borrow_mut().insert(key.as_str().into(), value.clone());
                Response::ReadOk { value }
            }
            Request::Write { key, value } => {
                ctx.lin_kv().write(&key, &value).await?;
                self.cache.borrow_mut().remove(key.as_str());
                Response::WriteOk {}
            }
            Request::Cas { key, from, to, .. } => {
                ctx.lin_kv().cas(&key, &from, &to).await?;
                self.cache.borrow_mut().remove(key.as_str());
                Response::CasOk {}
            }
        })
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("lin-kv", LinKv::new)
        .nodes(3)
        .rate(50.0)
        .time_limit_secs(6.0)
        .options(|options| options.concurrency = 6)
}

bugs::exhibit!("lin-kv-caches-reads", check, LinKv::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "not-linearizable");
    }
}
