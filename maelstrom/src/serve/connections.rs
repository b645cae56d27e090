//! The connections of the server: how many there are, and how long each may take.
//!
//! A browser that has gone away, or somebody who means no good, must not keep the server from
//! answering others. So a request's head must come within a few seconds, whoever does not take
//! what is sent is dropped, and there are only so many connections at a time.

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

/// How long the head of a request may take, and how long a connection may idle before it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a browser may take none of what is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many connections are open at a time. Further ones wait.
const CONNECTIONS_MAX: usize = 256;
/// How long to wait when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until the process is ended.
///
/// # Errors
/// When connections can no longer be taken.
pub async fn serve(listener: TcpListener, app: Router) -> anyhow::Result<()> {
    let room = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = room.clone().acquire_owned().await.context("the server ended")?;
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open, say. That passes.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let app = app.clone();
        tokio::spawn(async move {
            // Whatever ends a connection concerns nobody but the other side.
            connection(stream, app).await.ok();
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, app: Router) -> hyper::Result<()> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(app))
        .await
}
