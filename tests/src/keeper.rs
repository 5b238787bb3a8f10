//! A thread that lasts as long as the tests do.
//!
//! A daemon ends with the thread that started it (`PR_SET_PDEATHSIG`), and the
//! thread of a test ends early. So what a test starts for others as well, it
//! has this thread start.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow};

type Job = Box<dyn FnOnce() + Send>;

/// Has the lasting thread do something, and waits for its result.
pub fn on_lasting_thread<T: Send + 'static>(
    job: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    static JOBS: OnceLock<Sender<Job>> = OnceLock::new();
    let jobs = JOBS.get_or_init(start).clone();
    let (sender, receiver) = channel();
    let job = Box::new(move || {
        // Nobody waits any more only when the asking thread is gone.
        let _ = sender.send(job());
    });
    jobs.send(job).map_err(|_| anyhow!("the thread died"))?;
    receiver.recv().context("the thread died")?
}

/// Something that several tests use, started by the first that needs it.
#[derive(Debug)]
pub struct Shared<T>(Mutex<Option<Result<Arc<T>, String>>>);

impl<T: Send + Sync + 'static> Shared<T> {
    /// Not started yet.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// It, started on the lasting thread when it is not yet.
    ///
    /// # Errors
    /// For every test the same, when it does not start.
    pub fn get(&self, start: impl FnOnce() -> Result<T> + Send + 'static) -> Result<Arc<T>> {
        let mut started = self.lock();
        let started = started.get_or_insert_with(|| {
            let started = on_lasting_thread(start).map(Arc::new);
            started.map_err(|error| format!("{error:#}"))
        });
        started.clone().map_err(|error| anyhow!(error))
    }

    /// It, when a test has used it, for its end.
    pub fn started(&self) -> Option<Arc<T>> {
        self.lock().clone()?.ok()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Result<Arc<T>, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + Sync + 'static> Default for Shared<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn start() -> Sender<Job> {
    let (sender, receiver) = channel::<Job>();
    thread::spawn(move || {
        for job in receiver {
            job();
        }
    });
    sender
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_started_once() {
        let shared = Shared::new();
        assert!(shared.started().is_none());
        let first = shared.get(|| Ok(Mutex::new(1))).unwrap();
        *first.lock().unwrap() = 2;
        let second = shared.get(|| Err(anyhow!("again"))).unwrap();
        assert_eq!(*second.lock().unwrap(), 2);
    }

    #[test]
    fn all_jobs_are_done_by_one_thread() {
        let of_thread = || on_lasting_thread(|| Ok(thread::current().id())).unwrap();
        let first = thread::spawn(of_thread).join().unwrap();
        assert_eq!(first, of_thread());
        assert_ne!(first, thread::current().id());
    }
}
