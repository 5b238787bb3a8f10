//! `redeem` and `device`: serving a container that has no wrapper, from a folder
//! of hooks or as a device (CDI).
//!
//! A hook cannot change what the container's process is given, so no variable
//! is set: files stand for them, or the container is refused. Nor is it asked at
//! an exec. The bundle is the engine's and may lie on a disk: it is read, and
//! nothing is written to it.
//!
//! What is known of the container lies where the wrapper keeps it, and is used
//! again when the container restarts. No hook is run when a container is
//! removed, only when it ends (`poststop`), and it may start again after that.
//! So what is known goes with the first call, of the hook or of the wrapper, that
//! finds the engine to have forgotten the container, at the latest with a reboot.
//!
//! runc shows what a failed hook said; crun does with the annotation
//! `run.oci.hooks.stderr`, which names a file.

use std::os::fd::AsFd;

use super::{Error, keep_surplus, read_config, read_state, wrapped};
use crate::admission::{Admission, Applicant, Grounds};
use crate::config::Config;
use crate::delivery::{self, Target};
use crate::engine_record::EngineRecord;
use crate::payload::{Payload, VariableName};
use crate::policy;
use crate::record::Record;
use crate::runtime::{self, log::Log};
use crate::spec::{self, Spec};
use crate::standing::Standing;
use crate::state::State;
use crate::store::Store;

/// Why the hook was called for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// A folder of hooks has it called, where there is a policy for every
    /// container.
    ForAny,
    /// The container's user asked for a login, by the name of a device.
    ByRequest,
}

/// Serves the container whose state is on standard input.
///
/// For one that the wrapper serves, and for one that is stopped, there is
/// nothing to do, and that is success.
///
/// # Errors
/// It cannot be served; [`Called::ByRequest`], also when it names no ticket and
/// no rule of the policy matches it.
pub fn run(stdin: impl AsFd, called: Called) -> Result<(), Error> {
    let state = read_state(stdin)?;
    let log = Log::standard_error();
    runtime::sweep(&log);
    match state.pid {
        Some(pid) if wrapped(&state)?.is_none() => serve(&state, pid, called, &log),
        _ => Ok(()),
    }
}

fn serve(state: &State, pid: i32, called: Called, log: &Log) -> Result<(), Error> {
    let config = state.bundle.join("config.json");
    let bytes = read_config(&config)?;
    let spec = Spec::from_json(&bytes)?;
    // A hook is not told of the runtime's state folder. Its bundle is a
    // container's own, at each start the same.
    let applicant = Applicant {
        id: &state.id,
        root: &state.bundle,
        bundle: &state.bundle,
        config: &config,
        spec: &spec,
        engine: &EngineRecord::find(&spec, &state.bundle, &state.id)?,
        fits: |spec, payload| deliverable(spec, payload).map_err(|error| error.to_string()),
    };
    let grounds = match Grounds::of(&applicant, log)? {
        None if applicant.engine.sandbox => return forget(&applicant),
        None if called == Called::ForAny && policy::is_there() => return forget(&applicant),
        None => {
            forget(&applicant)?;
            return Err(Error::NoTicket);
        }
        Some(Grounds::Ticket {
            by_variable: true, ..
        }) => return Err(Error::ByVariable),
        Some(grounds) => grounds,
    };
    match admit(&applicant, &grounds, pid, log) {
        // What is delivered by half cannot be taken out again from here.
        Err(error) if grounds.starts_without() && !matches!(error, Error::Delivery(_)) => {
            log.warn(&format!("the container starts without a login: {error}"));
            Ok(())
        }
        served => served,
    }
}

/// What a rule gave to a container goes with the rule.
fn forget(applicant: &Applicant<'_>) -> Result<(), Error> {
    if let Some(store) = Store::open()?
        && store.find_in(applicant.root, applicant.id)?.is_some()
    {
        store.remove(applicant.id)?;
    }
    Ok(())
}

fn admit(applicant: &Applicant<'_>, grounds: &Grounds, pid: i32, log: &Log) -> Result<(), Error> {
    let init = super::init(pid)?;
    let store = Store::open_or_create()?;
    if let Some(container) = store.find_in(applicant.root, applicant.id)?
        && container.served(&init)?.is_some()
    {
        // One container may have several hooks of ours, from a hooks folder and
        // from a device.
        return Ok(());
    }
    let standing = Standing::of_this_process()
        .map_err(|error| Error::Precaution("tell whose engine it is", error))?;
    let settings = Config::load(standing)?;
    let admission = Admission {
        store: &store,
        resolver: settings.resolver.as_deref(),
        log,
    };
    let (container, mut record, delivered) =
        admission.admit(applicant, grounds, |container, mut record| {
            record.hook_alone = true;
            let delivered = delivered(applicant.spec, &record)?;
            container.save(&record)?;
            Ok::<_, Error>((container, record, delivered))
        })?;
    let target = Target::of(applicant.spec, applicant.bundle, &delivered, pid)?;
    let delivered = delivery::deliver(pid, &target, &delivered, &container);
    if delivered.is_err() {
        // Nobody ever saw these files.
        let _ = container.drop_kept();
    }
    let delivered = delivered?;
    for warning in &delivered.warnings {
        log.warn(warning);
    }
    keep_surplus(&container, &mut record, delivered.left)?;
    Ok(container.mark_served(&init)?)
}

/// What a hook can deliver of a record.
fn delivered(spec: &Spec<'_>, record: &Record) -> Result<Record, Error> {
    deliverable(spec, &record.payload)?;
    record.without_variables().map_err(Error::NeedsVariables)
}

/// Refuses what needs variables, and what something in the container would go
/// before.
fn deliverable(spec: &Spec<'_>, payload: &Payload) -> Result<(), Error> {
    payload.without_variables().map_err(Error::NeedsVariables)?;
    let outranking = outranking(spec, payload)?;
    if outranking.is_empty() {
        Ok(())
    } else {
        Err(Error::Outranked(outranking))
    }
}

/// The variables of the container's own that an agent would use instead of the
/// files. An empty value counts as not set.
fn outranking(spec: &Spec<'_>, payload: &Payload) -> Result<Vec<VariableName>, spec::Invalid> {
    let mut outranking = Vec::new();
    let unset = payload.unset.iter().map(|name| (name, ""));
    let set = payload.env.iter();
    let set = set.map(|variable| (&variable.name, variable.value.expose()));
    for (name, same) in unset.chain(set) {
        let own = spec.process().variable(name.as_str())?.unwrap_or_default();
        if !own.is_empty() && own != same {
            outranking.push(name.clone());
        }
    }
    Ok(outranking)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::payload::Without;
    use crate::record::Origin;

    fn payload() -> Payload {
        let file = json!({"place": {"path": "cred"}, "delivery": {"bind": {"content": "c"}}});
        serde_json::from_value(json!({
            "env": [{"name": "TOKEN", "value": "ours", "without": {"file": file}}],
            "unset": ["RIVAL"],
        }))
        .unwrap()
    }

    fn outranking_in(env: &[&str]) -> Vec<String> {
        let text = json!({"process": {"env": env}}).to_string();
        let spec = Spec::from_json(text.as_bytes()).unwrap();
        let names = outranking(&spec, &payload()).unwrap();
        names.into_iter().map(String::from).collect()
    }

    #[test]
    fn a_variable_of_the_containers_that_goes_before_the_login_is_named() {
        assert_eq!(outranking_in(&["RIVAL=x", "PATH=/bin"]), ["RIVAL"]);
        assert_eq!(outranking_in(&["TOKEN=theirs"]), ["TOKEN"]);
        assert_eq!(
            outranking_in(&["TOKEN=theirs", "RIVAL=x"]),
            ["RIVAL", "TOKEN"]
        );
    }

    #[test]
    fn an_empty_variable_and_one_with_our_own_value_do_no_harm() {
        assert!(outranking_in(&["RIVAL=", "TOKEN=ours", "OTHER=x"]).is_empty());
    }

    #[test]
    fn what_a_hook_cannot_do_for_a_container_refuses_it_by_name() {
        let told = |payload: Payload, env: &[&str]| {
            let record = Record {
                origin: Origin::Ticket("7.00112233445566778899aabbccddeeff".parse().unwrap()),
                request: None,
                payload,
                user: None,
                configured: Vec::new(),
                hook_alone: true,
                surplus: Vec::new(),
            };
            let text = json!({"process": {"env": env}}).to_string();
            let spec = Spec::from_json(text.as_bytes()).unwrap();
            delivered(&spec, &record).map_err(|error| error.to_string())
        };
        let files = told(payload(), &["PATH=/bin"]).unwrap().payload;
        assert_eq!((files.env.len(), files.files.len()), (0, 1));
        let outranked = told(payload(), &["RIVAL=x"]).unwrap_err();
        assert!(outranked.contains("sets RIVAL,"), "{outranked}");
        let mut bare = payload();
        bare.env[0].without = Without::Nothing;
        let needed = told(bare, &[]).unwrap_err();
        assert!(
            needed.contains("needs TOKEN in the environment"),
            "{needed}"
        );
    }
}
