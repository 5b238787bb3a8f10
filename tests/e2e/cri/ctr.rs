//! Containers of containerd alone, without Kubernetes: `ctr run` with the
//! wrapper as its runtime.

use std::sync::Arc;

use anyhow::{Result, ensure};
use jackin_oci_hook::ticket::HANDLE_ANNOTATION;
use jackin_tests::binaries::RUNTIME;
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::containerd::{BASE, Containerd};
use jackin_tests::rig::unique;
use jackin_tests::staging;
use libtest_mimic::Trial;

use super::on_each_containerd;
use super::pods::stage;

pub(super) fn trials() -> Vec<Trial> {
    on_each_containerd("cri::e43_e53_a_container_of_ctr", with_ctr)
}

fn with_ctr(containerd: &Arc<Containerd>) -> Result<()> {
    let canary = Canary::new()?;
    let handle = stage(&canary)?;
    let container = Container::run(containerd, &handle.expose())?;
    let token = canary.text();
    let wanted = format!("{token}\n{token}\n{token}");
    let by_exec = "env | sed -n 's/^TOKEN=//p'; cat ~/.agent/token";
    let seen = container.exec(&format!("{}; {by_exec}", staging::TOKEN_AT_START))?;
    ensure!(seen == wanted, "{seen:?}");
    // Another one with the same ticket.
    let second = Container::run(containerd, &handle.expose());
    let Err(error) = second else {
        anyhow::bail!("its ticket was redeemed twice");
    };
    let message = format!("{error:#}");
    ensure!(message.contains("redeemed already"), "{message}");
    Ok(())
}

struct Container<'a> {
    containerd: &'a Containerd,
    id: String,
}

impl<'a> Container<'a> {
    fn run(containerd: &'a Containerd, handle: &str) -> Result<Self> {
        let id = unique("ctr");
        let container = Self { containerd, id };
        let annotation = format!("{HANDLE_ANNOTATION}={handle}");
        container.ctr(&[
            "run",
            "--detach",
            "--null-io",
            "--net-host",
            "--runtime=io.containerd.runc.v2",
            "--runc-binary",
            RUNTIME,
            "--annotation",
            &annotation,
            BASE,
            &container.id,
            "sleep",
            "1000",
        ])?;
        Ok(container)
    }

    fn exec(&self, script: &str) -> Result<String> {
        let process = unique("exec");
        let words = ["tasks", "exec", "--exec-id", &process, &self.id];
        let words = [&words[..], &["sh", "-c", script]].concat();
        Ok(self.ctr(&words)?.trim_end().to_owned())
    }

    fn ctr(&self, words: &[&str]) -> Result<String> {
        self.try_ctr(words)?.success()
    }

    fn try_ctr(&self, words: &[&str]) -> Result<Outcome> {
        run(self.containerd.ctr()?.args(words))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.try_ctr(&["tasks", "rm", "--force", &self.id]);
        let _ = self.try_ctr(&["containers", "rm", &self.id]);
    }
}
