//! Docker, rootful or rootless: entries in its `daemon.json`, which it reads
//! again on SIGHUP.

mod users;

use std::path::{Path, PathBuf};

use super::change::FileChange;
use super::former::{Former, Kept};
use super::{EngineName, Part, Plan, Registrar, Wanted};
use crate::engine::client::EngineInfo;
use crate::engine::context::Surroundings;
use crate::engine::daemon_json::{DEFAULT_RUNTIME, DaemonJson, DaemonJsonError, is_ours};
use crate::engine::owner::Owner;
use crate::engine::registration::{Registration, Reload, left_as_it_is};
use crate::failure::Failure;

/// The runtime that a file without `default-runtime` has as default.
const DOCKERS_OWN: &str = "runc";

/// The Docker engine that docker would use here.
pub struct Docker {
    registration: Registration,
}

impl Docker {
    /// Finds the engine and its file.
    ///
    /// # Errors
    /// It is not on this machine, or its file cannot be told.
    pub fn find(around: &Surroundings<'_>, config: Option<&Path>) -> Result<Self, Failure> {
        let registration = Registration::find(around, config)?;
        Ok(Self { registration })
    }

    fn refused(&self, error: &DaemonJsonError) -> Failure {
        left_as_it_is(&self.registration.config, error)
    }

    fn change(&self, before: Option<&str>, after: &str) -> FileChange<'_> {
        FileChange::new(&self.registration.config, before, Some(after.to_owned()))
            .accepted_by(Box::new(|staged| self.registration.accept(staged)))
    }

    /// Sets the default runtime in the text, and keeps what it was.
    fn make_default(&self, json: &DaemonJson, plan: &mut Plan<'_>) -> Result<(), Failure> {
        self.registration.require_no_default_flag()?;
        let ours = Wanted::default_name();
        let now = json.default_runtime();
        if now.as_deref() == Some(ours) {
            return Ok(());
        }
        let former = Former::read(self.owner())?;
        let config = &self.registration.config;
        plan.change(former.keep(config, DEFAULT_RUNTIME, now.as_deref()));
        json.set_default_runtime(Some(ours));
        Ok(())
    }

    /// Gives the default runtime back to what it was, where we know that. The
    /// text for a running engine names it in any case: taking the key away
    /// would change nothing for it.
    fn give_default_back(&self, json: &DaemonJson) -> Result<Option<Former>, Failure> {
        let now = json.default_runtime();
        let known = json.ours().map_err(|error| self.refused(&error))?;
        if !now.is_some_and(|now| known.contains(&now)) {
            return Ok(None);
        }
        let former = Former::read(self.owner())?;
        let kept = former.value(&self.registration.config, DEFAULT_RUNTIME);
        let Some(kept) = kept else { return Ok(None) };
        json.set_default_runtime(Some(kept.value().unwrap_or(DOCKERS_OWN)));
        Ok(Some(former))
    }

    fn not_read_yet(&self) -> String {
        let endpoint = &self.registration.target.endpoint;
        match &self.registration.running {
            None => format!("no engine runs at {endpoint}; it takes effect when one starts"),
            Some(running) => match &running.daemon {
                Ok(_) => format!(
                    "the engine at {endpoint} does not read that file; it takes effect when an \
                     engine that does starts or reloads"
                ),
                Err(error) => format!(
                    "{error}; make it reload: systemctl reload docker, or kill -HUP its dockerd"
                ),
            },
        }
    }
}

impl Registrar for Docker {
    fn name(&self) -> EngineName {
        EngineName::Docker
    }

    fn owner(&self) -> &Owner {
        &self.registration.owner
    }

    fn install(&self, wanted: &Wanted) -> Result<Plan<'_>, Failure> {
        let registration = &self.registration;
        registration.require_no_flags()?;
        let (file, json) = registration.read_config()?;
        let config = registration.config.display();
        let endpoint = registration.target.endpoint.to_string();
        let mut plan = Plan::new(format!(
            "docker-jackin is registered in {config}, and {}",
            match registration.reader() {
                Some(_) => format!("the engine at {endpoint} has it"),
                None => self.not_read_yet(),
            }
        ));
        for (name, program) in &wanted.runtimes {
            json.register(name, program)
                .map_err(|error| self.refused(&error))?;
        }
        if wanted.default_runtime {
            self.make_default(&json, &mut plan)?;
        }
        let change = self.change(file.text(), &json.text()).with_backup();
        let is_needed = change.is_needed();
        plan.change(change);
        for (name, program) in &wanted.runtimes {
            let program = program.display();
            plan.say(format!("registered {name} ({program}) in {config}"));
        }
        let runtimes = wanted.runtimes.clone();
        let default = wanted.default_runtime;
        let done = move |info: &EngineInfo| shows_all(info, &runtimes, default);
        if is_needed || registration.reader().is_some_and(|info| !done(info)) {
            plan.act(Box::new(move |screen| {
                let words = match registration.reload_until(screen, &done)? {
                    Reload::Done => format!("the engine at {endpoint} has it"),
                    Reload::NotRunning => self.not_read_yet(),
                };
                let _ = writeln!(screen, "{words}");
                Ok(())
            }));
        }
        plan.follow_up("try it out with: docker jackin status --verify --image IMAGE");
        Ok(plan)
    }

    fn uninstall(&self) -> Result<Plan<'_>, Failure> {
        let registration = &self.registration;
        let refused = |error: DaemonJsonError| self.refused(&error);
        let (file, json) = registration.read_config()?;
        let former = self.give_default_back(&json)?;
        let names = json.unregister_ours().map_err(refused)?;
        let for_reload = json.text();
        json.drop_empty_runtimes().map_err(refused)?;
        if let Some(former) = &former {
            let kept = former.value(&registration.config, DEFAULT_RUNTIME);
            json.set_default_runtime(kept.as_ref().and_then(Kept::value));
        }
        let at_last = json.text();
        users::require_none(registration, &names, former.is_some())?;

        let config = registration.config.display();
        let endpoint = &registration.target.endpoint;
        let known = registration
            .reader()
            .is_some_and(|info| !registered(info).is_empty());
        let mut plan = Plan::new(format!(
            "nothing of docker-jackin is registered in {config}"
        ));
        if names.is_empty() && !known {
            return Ok(plan);
        }
        let listed = names.join(", ");
        if known {
            plan.change(self.change(file.text(), &for_reload).with_backup());
            plan.act(Box::new(move |screen| {
                registration.reload_until(screen, &has_forgotten)?;
                Ok(())
            }));
            plan.change(self.change(Some(&for_reload), &at_last));
        } else {
            plan.change(self.change(file.text(), &at_last).with_backup());
        }
        if let Some(former) = former {
            plan.change(former.forget(&registration.config));
        }
        plan.say(match (names.as_slice(), known) {
            ([], _) => format!("the engine at {endpoint} has forgotten the runtime"),
            (_, true) => format!(
                "took {listed} out of {config}; the engine at {endpoint} has forgotten them"
            ),
            (_, false) => format!(
                "took {listed} out of {config}; it takes effect when the engine that reads it \
                 starts again"
            ),
        });
        Ok(plan)
    }

    fn describe(&self) -> Part {
        let mut part = Part::new(EngineName::Docker);
        if let Some(running) = &self.registration.running {
            part.found = Some(running.info.version.clone());
            part.runtimes = registered(&running.info);
            part.is_default = part.runtimes.contains(&running.info.default_runtime);
        }
        part.registered = !part.runtimes.is_empty();
        part.files = vec![self.registration.config.clone()];
        part
    }
}

/// Whether a file of Docker's names a program of ours, for those who ask only
/// whether anything is registered at all.
pub fn is_in(config: &Path) -> bool {
    let text = std::fs::read_to_string(config).unwrap_or_default();
    DaemonJson::parse(&text)
        .and_then(|json| json.ours())
        .is_ok_and(|ours| !ours.is_empty())
}

/// The names in the engine under which programs of ours are registered.
fn registered(info: &EngineInfo) -> Vec<String> {
    let ours = info
        .runtimes
        .iter()
        .filter(|(_, program)| program.as_deref().is_some_and(is_ours));
    ours.map(|(name, _)| name.clone()).collect()
}

fn has_forgotten(info: &EngineInfo) -> bool {
    registered(info).is_empty() && info.default_runtime != Wanted::default_name()
}

fn shows_all(info: &EngineInfo, runtimes: &[(String, PathBuf)], default: bool) -> bool {
    let mut all = runtimes.iter();
    all.all(|(name, program)| info.runtime(name) == Some(program))
        && (!default || info.default_runtime == Wanted::default_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_ours_count_as_registered() {
        let runtime = |name: &str, path: Option<&str>| (name.to_owned(), path.map(PathBuf::from));
        let info = EngineInfo {
            runtimes: vec![
                runtime("docker-jackin", Some("/l/docker-jackin-runtime")),
                runtime("docker-jackin-mine", Some("/home/me/other")),
                runtime("io.containerd.runc.v2", None),
                runtime("older", Some("/opt/docker-jackin-runtime-crun")),
            ],
            ..EngineInfo::default()
        };
        assert_eq!(registered(&info), ["docker-jackin", "older"]);
    }
}
