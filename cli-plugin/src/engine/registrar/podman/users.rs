//! Containers of Podman's that would be left without a runtime: with its name
//! gone they neither start, stop nor go.

use std::path::Path;

use super::program;
use crate::engine::daemon_json::is_ours;
use crate::engine::registered::is_our_runtime;
use crate::failure::{Failure, Kind};

/// What is asked of each container; its runtime is a name or a path.
const FORMAT: &str = "{{.OCIRuntime}}\t{{.Name}}\t{{.State.Status}}";

/// Refuses while a container needs the wrapper.
///
/// # Errors
/// There is one, or Podman cannot be asked.
pub(super) fn require_none() -> Result<(), Failure> {
    let Some(podman) = program::find() else {
        return Ok(());
    };
    let ids = program::ask(&podman, ["ps", "--all", "--quiet", "--no-trunc"])?;
    let ids: Vec<_> = ids.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let inspect = ["container", "inspect", "--format", FORMAT];
    let described = program::ask(&podman, inspect.into_iter().chain(ids))?;
    let users = users(&described);
    if users.is_empty() {
        return Ok(());
    }
    let message = format!(
        "cannot uninstall: these containers need the runtime:{}",
        users.concat()
    );
    Err(Failure::new(Kind::Configuration, message)
        .hint("remove them first with: podman rm -f NAME")
        .hint("or give all of Podman's containers another runtime: podman system migrate --new-runtime crun"))
}

/// The containers with the wrapper, a line each as people find them again.
fn users(described: &str) -> Vec<String> {
    let lines = described.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (runtime, name, state) = (fields.next()?, fields.next()?, fields.next()?);
        let ours = is_our_runtime(runtime) || is_ours(Path::new(runtime));
        ours.then(|| format!("\n    {name}  {state}  ({runtime})"))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_with_the_wrapper_is_told_by_its_runtimes_name_or_path() {
        let described = "crun\ta\trunning\ndocker-jackin-crun\tb\texited\n\
                         /l/docker-jackin-runtime\tc\trunning\n";
        let expected = [
            "\n    b  exited  (docker-jackin-crun)",
            "\n    c  running  (/l/docker-jackin-runtime)",
        ];
        assert_eq!(users(described), expected);
    }
}
