//! Ctrl-C while programs are asked: they end first, then this process does, in
//! the way it would have without anybody asked.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::process::Signal;
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;

/// What ends a command that is waiting.
const SIGNALS: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

/// What the handlers and the waiting threads share.
struct Shared {
    /// Whether nobody is asked, so that a signal does what it always does.
    idle: Arc<AtomicBool>,
    /// The signal that came while somebody was asked; 0 for none.
    came: Arc<AtomicUsize>,
    /// How many are waiting for programs: the last of them ends this process.
    watching: Mutex<usize>,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// As long as it lives, a signal is noted for the programs that are asked.
pub(crate) struct Watch(&'static Shared);

impl Watch {
    /// Begins to note signals. One that this process was started to ignore, as
    /// `nohup` does, stays ignored, also by docker afterwards.
    pub(crate) fn begin() -> Self {
        let shared = SHARED.get_or_init(register);
        let mut watching = shared.watching();
        *watching += 1;
        shared.idle.store(false, Ordering::SeqCst);
        Self(shared)
    }

    /// The signal that came, if one did: it does no more than the caller lets
    /// it do.
    pub(crate) fn take(&self) -> Option<Signal> {
        let signal = self.signal()?;
        self.0.came.store(0, Ordering::SeqCst);
        Some(signal)
    }

    /// The signal that came, if one did.
    pub(crate) fn signal(&self) -> Option<Signal> {
        let came = self.0.came.load(Ordering::SeqCst);
        SIGNALS
            .into_iter()
            .find(|signal| usize::try_from(signal.as_raw()) == Ok(came))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watching = self.0.watching();
        *watching -= 1;
        if *watching > 0 {
            return;
        }
        self.0.idle.store(true, Ordering::SeqCst);
        if let Some(signal) = self.signal() {
            // Comes back only if it failed; the failure is then told as any.
            let _ = emulate_default_handler(signal.as_raw());
        }
    }
}

impl Shared {
    fn watching(&self) -> MutexGuard<'_, usize> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn register() -> Shared {
    let shared = Shared {
        idle: Arc::new(AtomicBool::new(true)),
        came: Arc::new(AtomicUsize::new(0)),
        watching: Mutex::new(0),
    };
    let ignored = ignored_signals();
    for signal in SIGNALS.map(Signal::as_raw) {
        if ignored & (1 << (signal - 1)) != 0 {
            continue;
        }
        let number = usize::try_from(signal).unwrap_or_default();
        let done = flag::register_conditional_default(signal, Arc::clone(&shared.idle))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&shared.came), number));
        if let Err(error) = done {
            tracing::debug!(%error, signal, "failed to watch for a signal");
        }
    }
    shared
}

/// The signals that this process ignores, one bit each; none where the system
/// does not say.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}
