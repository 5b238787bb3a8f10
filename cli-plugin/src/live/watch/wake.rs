//! What wakes the watcher beside files and processes: signals, and a time by
//! the clock on the wall.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use rustix::process::Signal;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// What ends the watcher.
const END: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];

/// What makes it look at its own program, and at everything else.
pub(in crate::live) const LOOK: Signal = Signal::USR1;

/// The signals that came.
#[derive(Debug)]
pub(in crate::live) struct Signals {
    news: UnixStream,
    end: Arc<AtomicBool>,
    look: Arc<AtomicBool>,
}

impl Signals {
    /// Heeds them from now on, whatever this process was started to ignore.
    ///
    /// # Errors
    /// The system refuses.
    pub(in crate::live) fn heed() -> io::Result<Self> {
        let (news, writer) = UnixStream::pair()?;
        news.set_nonblocking(true)?;
        let signals = Self {
            news,
            end: Arc::default(),
            look: Arc::default(),
        };
        let flags = END.map(|signal| (signal, &signals.end));
        for (signal, flag) in flags.into_iter().chain([(LOOK, &signals.look)]) {
            let number = signal.as_raw();
            // The flag first: it is up by the time that the news is read.
            signal_hook::flag::register(number, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(number, writer.try_clone()?)?;
        }
        Ok(signals)
    }

    /// Those that a test sends: the flag that ends, and what brings the news.
    #[cfg(test)]
    pub(super) fn by_hand() -> (Self, Arc<AtomicBool>, UnixStream) {
        let (news, writer) = UnixStream::pair().unwrap();
        news.set_nonblocking(true).unwrap();
        let end = Arc::new(AtomicBool::new(false));
        let signals = Self {
            news,
            end: Arc::clone(&end),
            look: Arc::default(),
        };
        (signals, end, writer)
    }

    /// Whether the watcher is to end.
    pub(super) fn end(&self) -> bool {
        self.end.load(Ordering::SeqCst)
    }

    /// Whether it is to look at its own program, since that was asked last.
    pub(super) fn look(&self) -> bool {
        self.look.swap(false, Ordering::SeqCst)
    }

    /// Forgets that there was news.
    pub(super) fn take_in(&self) {
        while matches!((&self.news).read(&mut [0; 64]), Ok(count) if count > 0) {}
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

/// An alarm by the clock on the wall, which goes off when that is put, too, and
/// after a suspend.
#[derive(Debug)]
pub(super) struct Alarm(OwnedFd);

impl Alarm {
    /// One that is not set.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let alarm = timerfd_create(TimerfdClockId::Realtime, flags)?;
        Ok(Self(alarm))
    }

    /// Sets it to a time, and forgets that it went off; whether nobody has put
    /// the clock since it was set last. That would not be told again.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn set(&self, at: SystemTime) -> io::Result<bool> {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Nought would turn it off.
        let since = since.max(Duration::from_nanos(1));
        let time = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec::try_from(since).map_err(io::Error::other)?,
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        match timerfd_settime(&self.0, flags, &time) {
            Ok(_) => Ok(true),
            // It is set all the same (timerfd_create(2), NOTES).
            Err(Errno::CANCELED) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets that it went off.
    pub(super) fn take_in(&self) {
        // Or that the clock was put, which is an error to read of.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::fd::AsRawFd;

    /// Putting the clock is nothing that a test may do; what is asked of the
    /// system for that moment can be read (proc(5)).
    #[test]
    fn the_alarm_is_by_the_clock_on_the_wall_and_wakes_when_that_is_put() {
        let alarm = Alarm::new().unwrap();
        let set = alarm.set(SystemTime::now() + Duration::from_secs(600));
        assert!(set.unwrap());
        let facts = fs::read_to_string(format!("/proc/self/fdinfo/{}", alarm.0.as_raw_fd()));
        let facts = facts.unwrap();
        let fact = |name: &str| {
            let mut lines = facts.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(is, _)| *is == name).map(|(_, value)| value)
        };
        // CLOCK_REALTIME; TFD_TIMER_ABSTIME and TFD_TIMER_CANCEL_ON_SET.
        assert_eq!(fact("clockid"), Some("0"), "{facts}");
        assert_eq!(fact("settime flags"), Some("03"), "{facts}");
    }
}
