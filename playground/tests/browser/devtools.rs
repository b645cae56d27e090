//! What only the browser's own tools can do: let a tab be in the background.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// The browser at the other end of two pipes, as `--remote-debugging-pipe` has it.
pub struct Devtools {
    to: File,
    from: BufReader<File>,
    calls: u64,
}

impl Devtools {
    /// Waits until a browser reads and writes the pipes `in` and `out` in this folder.
    pub fn open(folder: &Path) -> std::io::Result<Devtools> {
        let to = File::options().write(true).open(folder.join("in"))?;
        let from = BufReader::new(File::open(folder.join("out"))?);
        Ok(Devtools { to, from, calls: 0 })
    }

    /// Freezes the page, as a browser does with a tab that nobody looks at, for so long.
    pub fn freeze(&mut self, time: Duration) -> std::io::Result<()> {
        let targets = self.call("Target.getTargets", json!({}), None)?;
        let targets = targets["targetInfos"].as_array().cloned().unwrap_or_default();
        let page = targets.iter().find(|target| target["type"] == "page").expect("one is open");
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", attach, None)?["sessionId"].clone();
        let method = "Page.setWebLifecycleState";
        self.call(method, json!({ "state": "frozen" }), Some(&session))?;
        std::thread::sleep(time);
        self.call(method, json!({ "state": "active" }), Some(&session))?;
        // It is still hidden, and draws nothing, until somebody looks at it; and he goes on looking,
        // so the session stays.
        let looks = json!({ "enabled": true });
        self.call("Emulation.setFocusEmulationEnabled", looks, Some(&session)).map(drop)
    }

    /// Each text is followed by a zero. What comes between a call and its answer is news.
    fn call(
        &mut self,
        method: &str,
        asked: Value,
        session: Option<&Value>,
    ) -> std::io::Result<Value> {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": asked });
        if let Some(session) = session {
            call["sessionId"] = session.clone();
        }
        write!(self.to, "{call}\0")?;
        loop {
            let mut text = Vec::new();
            if self.from.read_until(0, &mut text)? == 0 {
                return Err(std::io::Error::other("the browser has ended"));
            }
            text.pop();
            let mut answer: Value = serde_json::from_slice(&text)?;
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return Ok(answer["result"].take());
            }
        }
    }
}
