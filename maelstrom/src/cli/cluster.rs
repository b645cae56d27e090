//! Flags that say which nodes there are, and how many clients.
//!
//! Node names may come from three flags, as with the original: `-n`, once for each node;
//! `--nodes`, with commas; and `--nodes-file`, a line each. They are taken together. `--node-count`
//! overrides them all.

#![expect(clippy::disallowed_methods, reason = "a flag may name a file, which is read here")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};
use gyre::NodeId;

use super::numbers::{MANY, whole};
use crate::options::{TestOptions, numbered_nodes};

const NODES_MAX: usize = 10_000;

/// How long a node's name may be: with an ending it is also the name of a file.
const NAME_BYTES_MAX: usize = 200;

/// Which nodes there are.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterFlags {
    /// How many nodes to run: n0, n1, …. Overrides the names that other flags give.
    #[arg(long, value_name = "NUMBER", value_parser = whole(1, NODES_MAX))]
    pub(super) node_count: Option<usize>,

    /// The name of a node; once for each node. Without any name there are n1 to n5.
    #[arg(short = 'n', long, value_name = "NAME", action = ArgAction::Append)]
    node: Vec<String>,

    /// The names of the nodes, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    nodes: Vec<String>,

    /// A file with the names of the nodes, one a line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nodes_file: Option<PathBuf>,

    /// How many clients to run: a number, or a number of clients per node such as 4n.
    #[arg(
        short,
        long,
        value_name = "NUMBER",
        default_value = "1n",
        value_parser = Concurrency::parse,
        help_heading = "Load"
    )]
    pub(super) concurrency: Concurrency,
}

impl ClusterFlags {
    /// The names of the nodes, and how many clients there are.
    ///
    /// # Errors
    /// A sentence, when a name cannot be one, the file cannot be read, or there would be too many
    /// clients.
    pub(super) fn cluster(&self) -> Result<(Vec<NodeId>, usize), String> {
        let nodes = match self.node_count {
            Some(count) => numbered_nodes(count),
            None => self.named_nodes()?,
        };
        check_names(&nodes)?;
        let concurrency = self.concurrency.of(nodes.len())?;
        Ok((nodes, concurrency))
    }

    fn named_nodes(&self) -> Result<Vec<NodeId>, String> {
        let mut names = self.names_in_file()?;
        let given = self.nodes.iter().chain(&self.node);
        names.extend(given.map(|name| name.trim().to_owned()));
        if names.is_empty() {
            return Ok(TestOptions::default().nodes);
        }
        if names.len() > NODES_MAX {
            return Err(format!("{} nodes are too many: {NODES_MAX} at most", names.len()));
        }
        Ok(names.into_iter().map(NodeId::from).collect())
    }

    fn names_in_file(&self) -> Result<Vec<String>, String> {
        let Some(path) = &self.nodes_file else { return Ok(Vec::new()) };
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("--nodes-file {shown} cannot be read: {error}"))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let names: Vec<String> = lines.map(str::to_owned).collect();
        if names.is_empty() {
            return Err(format!(
                "--nodes-file {shown} names no node: it needs a name on each line"
            ));
        }
        Ok(names)
    }
}

/// A node's name must be its own, and must not make it look like a client or a service.
fn check_names(nodes: &[NodeId]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for node in nodes {
        if node.as_str().is_empty() || node.is_client() {
            return Err(format!(
                "\"{node}\" cannot be a node's name: it must not be empty or begin with c, as \
                 clients' names do"
            ));
        }
        let is_file_name = !node.as_str().contains(['/', '\0'])
            && !["", ".", ".."].contains(&node.as_str())
            && node.as_str().len() <= NAME_BYTES_MAX;
        if !is_file_name {
            return Err(format!("\"{node}\" cannot be a node's name: it also names its log file"));
        }
        if crate::service::NAMES.contains(&node.as_str()) {
            return Err(format!("\"{node}\" cannot be a node's name: a service is called so"));
        }
        if !seen.insert(node) {
            return Err(format!("two nodes are called {node}; give each a name of its own"));
        }
    }
    Ok(())
}

/// `12`, or `4n` for four per node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Concurrency {
    number: usize,
    per_node: bool,
}

impl Concurrency {
    fn parse(text: &str) -> Result<Concurrency, String> {
        let (digits, per_node) = match text.strip_suffix('n') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        match digits.parse() {
            Ok(number) if (1..=MANY).contains(&number) => Ok(Concurrency { number, per_node }),
            _ => Err(format!(
                "expected how many clients, a whole number from 1 to {MANY}, or how many for each \
                 node, such as 4n"
            )),
        }
    }

    /// How many clients that is for so many nodes.
    fn of(self, nodes: usize) -> Result<usize, String> {
        match self.number.checked_mul(if self.per_node { nodes } else { 1 }) {
            Some(clients) if clients <= MANY => Ok(clients),
            _ => Err(format!(
                "--concurrency {}n is too much for {nodes} nodes: there can be {MANY} clients in \
                 all, so {}n at most",
                self.number,
                MANY / nodes
            )),
        }
    }
}
