//! Containers that would be left without a runtime.

use super::registered;
use crate::engine::client::RuntimeUser;
use crate::engine::registration::Registration;
use crate::failure::{Failure, Kind};

/// Refuses while a container would be left without its runtime: it could not
/// be started, nor restarted by the engine, any more.
///
/// # Errors
/// There is one, ours is the default runtime and would stay it, or the engine
/// cannot be asked.
pub(super) fn require_none(
    registration: &Registration,
    names: &[String],
    default_goes_back: bool,
) -> Result<(), Failure> {
    let Some(running) = &registration.running else {
        return require_nothing_registered(registration, names);
    };
    let mut asked = registered(&running.info);
    asked.extend(names.iter().cloned());
    if asked.is_empty() {
        return Ok(());
    }
    // It may come from dockerd's command line rather than from the file.
    let default = &running.info.default_runtime;
    if asked.contains(default) && !default_goes_back {
        let message = format!("cannot uninstall: {default} is the engine's default runtime");
        return Err(Failure::new(Kind::Configuration, message)
            .hint("start dockerd with another --default-runtime first"));
    }
    let users = running.engine.containers_using(&asked)?;
    if users.is_empty() {
        return Ok(());
    }
    let message = format!(
        "cannot uninstall: these containers need the runtime:{}",
        users.iter().map(line).collect::<String>()
    );
    Err(Failure::new(Kind::Configuration, message)
        .hint("remove them first with: docker rm -f NAME"))
}

/// A container, as a person finds it again.
fn line(user: &RuntimeUser) -> String {
    let id = user.id.get(..12).unwrap_or(&user.id);
    format!(
        "\n    {}  {id}  {}  ({})",
        user.name, user.state, user.runtime
    )
}

fn require_nothing_registered(
    registration: &Registration,
    names: &[String],
) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let message = format!(
        "cannot uninstall: no engine runs at {}, so nobody can say which containers need the runtime",
        registration.target.endpoint
    );
    let config = registration.config.display();
    Err(Failure::new(Kind::Engine, message)
        .hint("start the engine and try again")
        .hint(format!(
            "or, if it is gone for good, take {} out of {config}",
            names.join(", ")
        )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_named_with_its_id_state_and_runtime() {
        let user = RuntimeUser {
            name: "web".into(),
            id: "0123456789abcdef".into(),
            state: "exited".into(),
            runtime: "docker-jackin-crun".into(),
        };
        assert_eq!(
            line(&user),
            "\n    web  0123456789ab  exited  (docker-jackin-crun)"
        );
    }
}
