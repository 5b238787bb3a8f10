//! What claude asks of a terminal besides showing text. Little of it is done:
//! the links that it names are noted, and what it wants copied when it is one
//! of them. Its questions are not passed on.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use vt100::capture::{BasicFormattedCaptureState, RowContents, basic_formatted_to_plain};
use vt100::{Callbacks, Screen};
use zeroize::Zeroizing;

use super::lines::Line;
use super::veil::BEGINNING;

/// The longest link, in bytes.
const LONGEST: usize = 4096;

/// Room for a row with its colours, so that growing leaves no copies behind.
const ROOM: usize = 4096;

/// How many links are known at a time.
const KNOWN: usize = 4;

/// What was noted.
#[derive(Default)]
pub(super) struct Notes {
    /// The links, the latest first.
    pub(super) links: Vec<String>,
    /// The link that is to be copied.
    pub(super) copy: Option<String>,
    /// What has scrolled off the top since it was looked at.
    pub(super) gone: Vec<Line>,
}

impl Callbacks for Notes {
    fn unhandled_osc(&mut self, _: &mut Screen, words: &[&[u8]]) {
        let [b"8", _, link @ ..] = words else {
            return;
        };
        let Some(link) = as_link(&link.join(&b';')) else {
            return;
        };
        self.links.retain(|known| *known != link);
        self.links.insert(0, link);
        self.links.truncate(KNOWN);
    }

    fn copy_to_clipboard(&mut self, _: &mut Screen, _: &[u8], copied: &[u8]) {
        let copied = BASE64_STANDARD.decode(copied).ok();
        let link = copied.and_then(|link| as_link(&link));
        self.copy = link.filter(|link| self.links.contains(link));
    }

    fn on_scroll(&mut self, row: RowContents<'_>, _: bool) {
        let mut text = Zeroizing::new(String::with_capacity(ROOM));
        let mut state = BasicFormattedCaptureState::new();
        // Writing into a string does not fail.
        let _ = row.write_formatted_basic(&mut *text, &mut state);
        let plain: Zeroizing<String> = Zeroizing::new(basic_formatted_to_plain(&text).collect());
        self.gone.push(Line::new(&plain));
    }
}

/// A link to a page, with nothing in it that a terminal could take for more.
fn as_link(link: &[u8]) -> Option<String> {
    let link = str::from_utf8(link).ok()?;
    let harmless = link.bytes().all(|byte| byte.is_ascii_graphic());
    let page = link.starts_with("https://") && link.len() <= LONGEST;
    let open = !link.contains(BEGINNING);
    (harmless && page && open).then(|| link.to_owned())
}
