//! A delivery tried out with Docker: a marker goes the way a credential goes,
//! and a container of an image says whether it arrived.

use std::collections::HashMap;

use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, Handle};

use crate::engine::client::{ANNOTATIONS_SINCE, Engine};
use crate::engine::installation::RUNTIME_NAME;
use crate::engine::marker::Marker;
use crate::engine::trial::Trial;
use crate::failure::{Failure, Kind};
use crate::handoff::Terms;

/// Exit codes of [`SCRIPT`].
const NO_VARIABLE: i64 = 10;
const NO_FILE: i64 = 11;
const ANOTHER_FILE: i64 = 12;

/// Asks inside the container. The marker itself is not in it, since the
/// command is shown by `docker inspect`.
const SCRIPT: &str = r#"[ -n "$DOCKER_JACKIN_CHECK" ] || exit 10
[ -r "$HOME/.docker-jackin-check" ] || exit 11
[ "$(cat "$HOME/.docker-jackin-check")" = "$DOCKER_JACKIN_CHECK" ] || exit 12"#;

/// Delivers a marker to a container of `image`, which is run and removed.
///
/// # Errors
/// When the container does not start, or the marker does not arrive, or the
/// engine shows it.
pub(super) fn verify(engine: &Engine, image: &str) -> Result<(), Failure> {
    let marker = Marker::draw()?;
    let staged = marker.stage(true, Terms::of_image(image))?;
    let api = engine.api_version();
    let tried = api.and_then(|api| engine.try_out(trial(image, &staged.handle, api)));
    staged.withdraw();
    let outcome = tried.map_err(|error| {
        Failure::from(error).hint(format!(
            "the check ran {image:?} with the runtime {RUNTIME_NAME}"
        ))
    })?;
    if outcome.description.contains(marker.text()) {
        return Err(undelivered(
            "the engine shows the delivered value in `docker inspect`",
        ));
    }
    judge(outcome.exit_code)
}

fn trial(image: &str, handle: &Handle, api: (u32, u32)) -> Trial {
    let handle = handle.expose();
    let (annotations, variables) = if api >= ANNOTATIONS_SINCE {
        (
            HashMap::from([(HANDLE_ANNOTATION.to_owned(), handle)]),
            Vec::new(),
        )
    } else {
        (HashMap::new(), vec![format!("{HANDLE_VARIABLE}={handle}")])
    };
    Trial {
        image: image.to_owned(),
        runtime: RUNTIME_NAME.to_owned(),
        command: ["/bin/sh", "-c", SCRIPT].map(str::to_owned).to_vec(),
        annotations,
        variables,
    }
}

/// What the container's exit code says.
fn judge(exit_code: Option<i64>) -> Result<(), Failure> {
    Err(match exit_code {
        Some(0) => return Ok(()),
        Some(NO_VARIABLE) => undelivered("the variable did not arrive"),
        Some(NO_FILE) => undelivered("the file did not arrive, or its user cannot read it"),
        Some(ANOTHER_FILE) => undelivered("the file arrived with another content"),
        Some(code) => undelivered(&format!("the check ended with exit code {code}"))
            .hint("the image needs /bin/sh and cat"),
        None => undelivered("the check did not end in time"),
    })
}

fn undelivered(why: &str) -> Failure {
    Failure::new(Kind::Engine, format!("a delivery does not work: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::marker::{FILE, VARIABLE};

    #[test]
    fn the_command_and_the_handle_do_not_hold_the_marker() {
        let marker = Marker::draw().unwrap();
        let handle: Handle = "0.00112233445566778899aabbccddeeff".parse().unwrap();
        for api in [(1, 41), (1, 45)] {
            let trial = trial("image", &handle, api);
            assert!(!format!("{trial:?}").contains(marker.text()));
            assert_eq!(trial.annotations.len() + trial.variables.len(), 1);
            assert_eq!(trial.variables.is_empty(), api >= ANNOTATIONS_SINCE);
        }
    }

    #[test]
    fn the_script_asks_for_what_is_delivered() {
        assert!(SCRIPT.contains(&format!("${VARIABLE}")));
        assert!(SCRIPT.contains(&format!("$HOME/{FILE}")));
        for code in [NO_VARIABLE, NO_FILE, ANOTHER_FILE] {
            assert!(SCRIPT.contains(&format!("exit {code}")));
            assert!(judge(Some(code)).unwrap_err().hints.is_empty());
        }
        assert!(judge(Some(0)).is_ok());
        assert!(judge(None).is_err());
        assert!(
            judge(Some(127))
                .unwrap_err()
                .to_string()
                .contains("/bin/sh")
        );
    }
}
