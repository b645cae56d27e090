//! Flags that the original has from Jepsen, which tests databases on other machines. Here, as
//! there, nodes are processes of this machine: these flags are taken, change nothing, and say so.

use clap::Args;

/// The flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Taken for the original's sake; nodes run on this machine")]
pub struct RemoteFlags {
    /// Changes nothing: no SSH is used.
    #[arg(long)]
    no_ssh: bool,

    /// Changes nothing: no SSH is used.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// Changes nothing: no SSH is used.
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,

    /// Changes nothing: no SSH is used.
    #[arg(long, value_name = "FILE")]
    ssh_private_key: Option<String>,

    /// Changes nothing: no SSH is used.
    #[arg(long)]
    strict_host_key_checking: bool,

    /// Changes nothing: a node whose bench has gone has nobody to talk to, and is ended.
    #[arg(long)]
    leave_db_running: bool,
}

impl RemoteFlags {
    /// What to tell the user, once for a command: a sentence for each kind of flag that was given
    /// in vain.
    pub fn notes(&self) -> Vec<String> {
        let given = [
            (self.no_ssh, "--no-ssh"),
            (self.username.is_some(), "--username"),
            (self.password.is_some(), "--password"),
            (self.ssh_private_key.is_some(), "--ssh-private-key"),
            (self.strict_host_key_checking, "--strict-host-key-checking"),
        ];
        let given: Vec<&str> =
            given.iter().filter(|(is_given, _)| *is_given).map(|(_, name)| *name).collect();
        let mut notes = Vec::new();
        if !given.is_empty() {
            notes.push(format!(
                "nodes run on this machine, without SSH, so there is nothing to do for {}",
                given.join(", ")
            ));
        }
        if self.leave_db_running {
            notes.push(
                "nodes talk through the bench, and end with it, so --leave-db-running does \
                 nothing; their logs and data stay in the run's folder"
                    .into(),
            );
        }
        notes
    }
}
