//! What the page asks for: a scene, a seed, flags of the bench, and changes to the run. And the
//! command that does the same outside of the page.

use maelstrom::options::TestOptions;
use maelstrom::ran::shell_line;
use maelstrom::tape::TapeFile;
use maelstrom::workload::{self, Workload};
use serde::Deserialize;

use crate::scenes::{Scene, set_flags};

/// More than a page can show.
const LIMITS: &[(&str, f64)] =
    &[("--node-count", 25.0), ("--rate", 200.0), ("--time-limit", 120.0), ("--latency", 10_000.0)];

/// Clients beyond this are not drawn.
const CLIENTS_MAX: usize = 100;

/// What the page sends.
#[derive(Deserialize)]
struct Asked {
    scene: String,
    /// With a workload, `scene` is no scene but a node's program with its arguments, and flags
    /// that are not given have the bench's default values.
    #[serde(default)]
    workload: Option<String>,
    /// A number of 64 bits, which is more than numbers of a page hold. Without one, the scene's.
    #[serde(default)]
    seed: Option<String>,
    /// Those that differ from the scene's.
    #[serde(default)]
    flags: Vec<(String, String)>,
    /// A whole tape in the place of the scene's.
    #[serde(default)]
    tape: Option<String>,
    /// Lines of a tape of edits, without the first one.
    #[serde(default)]
    edits: String,
}

/// A run that somebody wants to see.
pub struct Request {
    /// What is run.
    pub scene: Scene,
    /// Its workload.
    pub workload: &'static dyn Workload,
    /// Its options.
    pub options: TestOptions,
    /// Its seed, and the changes to what that draws.
    pub tape: TapeFile,
}

impl Request {
    /// Understands what the page sends: JSON.
    ///
    /// # Errors
    /// A sentence for whoever looks at the page.
    pub fn parse(text: &str) -> Result<Request, String> {
        let asked: Asked =
            serde_json::from_str(text).map_err(|error| format!("This is no run: {error}."))?;
        let scene = match asked.workload {
            Some(workload) => Scene::of_program(&asked.scene, workload)?,
            None => Scene::by_name(&asked.scene)?,
        };
        let workload = workload::by_name(&scene.tape.workload)?;
        let options = options(&scene, &asked.flags)?;
        workload.validate(&options).map_err(as_sentence)?;
        let edited = asked.tape.unwrap_or_else(|| scene.tape.to_text()) + "\n" + &asked.edits;
        let mut tape = TapeFile::parse(&edited).map_err(as_sentence)?;
        if let Some(seed) = asked.seed {
            tape.seed = seed.trim().parse().map_err(|_| {
                format!("The seed {seed} is no whole number from 0 to {}.", u64::MAX)
            })?;
        }
        tape.validate(workload).map_err(as_sentence)?;
        Ok(Request { scene, workload, options, tape })
    }

    /// Whether the seed alone does not say what happens.
    fn has_tape(&self) -> bool {
        !self.tape.edits || self.tape.tracks != Default::default()
    }

    /// The command that does the same, in a checkout where everything is built.
    pub fn command(&self) -> String {
        let [program, arguments @ ..] = &*self.scene.program else {
            unreachable!("every scene has a program")
        };
        let mut argv = vec!["test".to_owned(), "-w".into(), self.tape.workload.clone()];
        argv.extend(["--bin".into(), format!("target/release/{program}")]);
        for (flag, value) in self.options.flags() {
            argv.extend([flag.to_owned(), value]);
        }
        match self.has_tape() {
            true => argv.extend(["--tape".into(), self.tape.to_line()]),
            false => argv.extend(["--seed".into(), self.tape.seed.to_string()]),
        }
        if !arguments.is_empty() {
            argv.push("--".into());
            argv.extend(arguments.iter().cloned());
        }
        shell_line("target/release/maelstrom", &argv)
    }
}

fn options(scene: &Scene, asked: &[(String, String)]) -> Result<TestOptions, String> {
    let mut options = scene.options.clone();
    let asked = || asked.iter().map(|(flag, value)| (flag.as_str(), value.as_str()));
    for (flag, value) in asked() {
        let limit = LIMITS.iter().find(|(name, _)| *name == flag);
        if let Some((name, max)) = limit
            && value.parse::<f64>().is_ok_and(|value| value > *max)
        {
            return Err(format!("{name} {value} is more than a page shows: at most {max}."));
        }
    }
    set_flags(&mut options, asked()).map_err(as_sentence)?;
    if options.concurrency > CLIENTS_MAX {
        let count = options.concurrency;
        return Err(format!("{count} clients are more than a page shows: at most {CLIENTS_MAX}."));
    }
    Ok(options)
}

/// The bench's sentences begin small and end without a full stop.
fn as_sentence(text: String) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(characters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
