//! A thread that lasts as long as the tests do.
//!
//! A daemon ends with the thread that started it (`PR_SET_PDEATHSIG`), and the
//! thread of a test ends early. So what a test starts for others as well, it
//! has this thread start.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
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
    fn all_jobs_are_done_by_one_thread() {
        let of_thread = || on_lasting_thread(|| Ok(thread::current().id())).unwrap();
        let first = thread::spawn(of_thread).join().unwrap();
        assert_eq!(first, of_thread());
        assert_ne!(first, thread::current().id());
    }
}
