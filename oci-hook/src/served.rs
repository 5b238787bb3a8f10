//! Which process of a container's was given a login, and what of ours lies in the
//! container: the hook leaves word of it for the next one.
//!
//! An init may leave the user namespace that it was started in, together with its
//! mount namespace (`unshare(CLONE_NEWUSER | CLONE_NEWNS)`, which needs no
//! capability). In the new one it may mount, and what is mounted there after that
//! is not locked: it could make writable what all containers of the owner's follow.
//! So the namespace is noted too. There is no way back from a nested one, and it
//! keeps those above it, so that no other one comes to have their numbers.

use std::io;

use rustix::fs;
use serde::{Deserialize, Serialize};

use crate::process;
use crate::published::Inode;

/// A process that was given a login. A note of another form says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The process ([`process::named`]).
    process: String,
    /// The user namespace it is in.
    user_namespace: Inode,
}

impl Served {
    /// What there is to note of a process. Its name is read last, so the rest is
    /// of the process of that name.
    ///
    /// # Errors
    /// There is no such process, or it is not the caller's to look into.
    pub fn of(pid: i32) -> io::Result<Self> {
        let namespace = fs::stat(format!("/proc/{pid}/ns/user"))?;
        Ok(Self {
            user_namespace: Inode {
                device: namespace.st_dev,
                number: namespace.st_ino,
            },
            process: process::named(pid)?,
        })
    }

    /// Whether both are the same process.
    pub fn is_process(&self, other: &Self) -> bool {
        self.process == other.process
    }

    /// Whether both were in the same user namespace.
    pub fn is_where(&self, other: &Self) -> bool {
        self.user_namespace == other.user_namespace
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell that says that it runs, and waits for the end of its input.
    fn waiting(words: &[&str]) -> Child {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["sh", "-c", "echo; read x"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = child.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut said).unwrap();
        assert_eq!(said, "\n");
        child
    }

    #[test]
    fn who_leaves_its_user_namespace_is_told() {
        let own = Served::of(std::process::id().cast_signed()).unwrap();
        for (words, is_here) in [(&["env"][..], true), (&["unshare", "--user"], false)] {
            let mut child = waiting(words);
            let found = Served::of(child.id().cast_signed()).unwrap();
            assert_eq!(found.is_where(&own), is_here, "{words:?}");
            assert!(!found.is_process(&own));
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}
