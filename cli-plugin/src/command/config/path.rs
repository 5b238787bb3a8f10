//! `docker jackin config path`: where the configuration is, whether it is
//! there or not.

use std::process::ExitCode;

use crate::command::screen::say;
use crate::config::ConfigPlace;

/// Shows the file's path and nothing else, for `$EDITOR "$(…)"`.
pub(super) fn run(place: &ConfigPlace) -> ExitCode {
    say(&place.file.display());
    ExitCode::SUCCESS
}
