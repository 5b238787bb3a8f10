//! Looking at everything at the same time, each part within its own limit.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::Patient;
use super::report::{Check, Finding};
use crate::progress::{Progress, waiting_for};

/// One part of the examination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Examination {
    about: &'static str,
    limit: Duration,
    look: fn(&Patient) -> Vec<Finding>,
}

impl Examination {
    /// What `look` finds within `limit`.
    pub(super) fn new(
        about: &'static str,
        limit: Duration,
        look: fn(&Patient) -> Vec<Finding>,
    ) -> Self {
        Self { about, limit, look }
    }

    /// Begins to look. What takes too long is left behind, and ends with this
    /// process.
    fn begin(self, patient: &Arc<Patient>) -> Receiver<Vec<Finding>> {
        let (sender, found) = channel();
        let patient = Arc::clone(patient);
        std::thread::spawn(move || {
            // A receiver that is gone has stopped waiting.
            let _ = sender.send((self.look)(&patient));
        });
        found
    }

    fn too_late(self, why: RecvTimeoutError) -> Finding {
        let says = match why {
            RecvTimeoutError::Timeout => {
                format!(
                    "no answer within {} s, so it was not looked at",
                    self.limit.as_secs()
                )
            }
            RecvTimeoutError::Disconnected => "looking at it failed".to_owned(),
        };
        let next = "see what it waits for: docker -D jackin doctor";
        Finding::failure(says, Some(next.to_owned()))
    }
}

/// What all of them find, in their order.
pub(super) fn all(patient: &Arc<Patient>, examinations: &[Examination]) -> Vec<Check> {
    let begun = Instant::now();
    let mut waiting: Vec<_> = examinations.iter().map(|one| one.about).collect();
    let progress = Progress::begin(waiting_for(waiting.iter().copied()));
    let found: Vec<_> = examinations.iter().map(|one| one.begin(patient)).collect();
    let mut checks = Vec::new();
    for (examination, found) in examinations.iter().zip(found) {
        progress.say(waiting_for(waiting.iter().copied()));
        let left = examination.limit.saturating_sub(begun.elapsed());
        let found = found.recv_timeout(left);
        let found = found.unwrap_or_else(|why| vec![examination.too_late(why)]);
        checks.extend(found.into_iter().map(|one| one.about(examination.about)));
        waiting.remove(0);
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::host::Host;
    use crate::plugin::global_flags::GlobalFlags;
    use std::time::SystemTime;

    fn quick(_: &Patient) -> Vec<Finding> {
        vec![Finding::ok("quick")]
    }

    fn slow(_: &Patient) -> Vec<Finding> {
        std::thread::sleep(Duration::from_secs(60));
        Vec::new()
    }

    fn broken(_: &Patient) -> Vec<Finding> {
        std::panic::resume_unwind(Box::new("broken"))
    }

    #[test]
    fn a_part_that_hangs_or_breaks_keeps_no_other_from_being_told() {
        let patient = Arc::new(Patient {
            flags: GlobalFlags::default(),
            host: Host::new("/", "/", []),
            config: Ok(Config::default()),
            resolve: false,
            now: SystemTime::now(),
        });
        let short = Duration::from_millis(50);
        let begun = Instant::now();
        let checks = all(
            &patient,
            &[
                Examination::new("slow", short, slow),
                Examination::new("broken", short, broken),
                Examination::new("quick", Duration::from_secs(10), quick),
            ],
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
        let told: Vec<_> = checks.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("no answer within"), "{}", told[0]);
        assert!(told[1].contains("looking at it failed"), "{}", told[1]);
        assert!(told[2].ends_with("  quick\n"), "{}", told[2]);
    }
}
