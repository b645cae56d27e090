//! A register behind an unreliable network, simulated by turmoil and judged by `checker`.
//!
//! `cargo run` runs two servers with ten seeds each. The first keeps one value, and its histories
//! are linearizable. The second answers reads from a copy that lags behind: some seed shows it,
//! and the explanation is printed.
//!
//! All that a test needs is in [`attempt`]: it notes what a client begins and how that ended.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use checker::edn::Edn;
use checker::{History, Judgement, Model, assert_linearizable};
use turmoil::net::UdpSocket;

const CLIENTS: i64 = 3;
const PORT: u16 = 9000;

type Outcome = Result<(), Box<dyn Error>>;

/// Keeps a byte. Asked with 0 it answers with the value, asked with anything else it keeps that.
async fn serve(lag: bool) -> Outcome {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
    let (mut value, mut copy) = (1, 1);
    let mut request = [0; 2];
    loop {
        let (_, from) = socket.recv_from(&mut request).await?;
        let [number, asked] = request;
        if asked != 0 {
            // The copy has what was written before this.
            (copy, value) = (value, asked);
        }
        let seen = if lag && asked == 0 { copy } else { value };
        socket.send_to(&[number, seen], from).await?;
    }
}

/// One client: a few reads and writes, one after the other.
async fn client(number: i64, history: Rc<RefCell<History>>) -> Outcome {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    let mut process = number;
    for step in 0..8u8 {
        let asked = if step % 2 == 0 { 0 } else { 10 * (number as u8 + 1) + step };
        attempt(&socket, &mut process, step, asked, &history).await?;
    }
    Ok(())
}

/// One operation, and what is noted of it.
async fn attempt(
    socket: &UdpSocket,
    process: &mut i64,
    step: u8,
    asked: u8,
    history: &RefCell<History>,
) -> Outcome {
    let (f, argument) = match asked {
        0 => ("read", Edn::Nil),
        value => ("write", Edn::from(i64::from(value))),
    };
    history.borrow_mut().invoke(*process, f, argument);
    socket.send_to(&[step, asked], ("server", PORT)).await?;
    let answer = tokio::time::timeout(Duration::from_millis(300), async {
        let mut answer = [0; 2];
        loop {
            socket.recv_from(&mut answer).await?;
            // The answer to an older request may come late.
            if answer[0] == step {
                return Ok::<u8, std::io::Error>(answer[1]);
            }
        }
    });
    match answer.await {
        Ok(value) => history.borrow_mut().ok(*process, i64::from(value?)),
        Err(_) => {
            history.borrow_mut().info(*process);
            *process += CLIENTS;
        }
    }
    Ok(())
}

/// What the clients of a server saw.
fn history(seed: u64, lag: bool) -> History {
    let mut simulation = turmoil::Builder::new()
        .rng_seed(seed)
        .fail_rate(0.05)
        .max_message_latency(Duration::from_millis(200))
        .simulation_duration(Duration::from_secs(60))
        .build();
    let history = Rc::new(RefCell::new(History::new()));
    simulation.host("server", move || serve(lag));
    for number in 0..CLIENTS {
        simulation.client(format!("client-{number}"), client(number, history.clone()));
    }
    simulation.run().expect("the clients come to an end");
    history.take()
}

fn main() {
    let register = || Model::new("register", Some(Edn::from(1i64))).expect("it is a model");
    for seed in 0..10 {
        assert_linearizable!(history(seed, false), register());
    }
    let judgements = (0..10).map(|seed| history(seed, true).judge(register()));
    let wrong: Vec<Judgement> = judgements.filter(|judgement| !judgement.is_valid()).collect();
    assert!(!wrong.is_empty(), "no seed shows that reads are stale");
    println!("The server that lags is found out by {} of 10 seeds:\n{}", wrong.len(), wrong[0]);
}
