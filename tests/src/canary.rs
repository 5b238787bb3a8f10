//! A random value that stands for a secret, and finding it again.

use std::io::Read;
use std::sync::OnceLock;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem::Finder;

/// How every canary of this run begins, so that one search finds them all.
pub fn mark() -> Result<&'static str> {
    static MARK: OnceLock<String> = OnceLock::new();
    if let Some(mark) = MARK.get() {
        return Ok(mark);
    }
    let mark = format!("jackinCanary{:08x}", random()? >> 96);
    Ok(MARK.get_or_init(|| mark))
}

/// How the canaries of the controls begin, which are leaked on purpose.
pub const CONTROL_MARK: &str = "jackinControlX4";

/// One secret of a test.
///
/// It consists of letters and digits alone, so no escaping (JSON, shell, URL)
/// can hide it; Base64 could, and is searched for as well.
#[derive(Debug, Clone)]
pub struct Canary {
    text: String,
}

impl Canary {
    /// A new one, never seen before.
    pub fn new() -> Result<Self> {
        Self::marked(mark()?)
    }

    /// A new one that is meant to be found.
    pub fn control() -> Result<Self> {
        Self::marked(CONTROL_MARK)
    }

    fn marked(mark: &str) -> Result<Self> {
        let text = format!("{mark}{:032x}", random()?);
        Ok(Self { text })
    }

    /// The canary itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The shape of a long-lived Claude token, with the canary in it.
    pub fn oauth_token(&self) -> String {
        format!("sk-ant-oat01-{}", self.text)
    }

    /// The shape of an API key, with the canary in it.
    pub fn api_key(&self) -> String {
        format!("sk-ant-api03-{}-AA", self.text)
    }

    /// What finds it, in any form.
    pub fn finder(&self) -> CanaryFinder {
        CanaryFinder::new(&self.text)
    }
}

fn random() -> Result<u128> {
    let mut bits = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bits)?;
    Ok(u128::from_be_bytes(bits))
}

/// Finds a text as it is and in Base64.
#[derive(Debug)]
pub struct CanaryFinder {
    needles: Vec<Finder<'static>>,
    longest: usize,
}

impl CanaryFinder {
    /// A finder for `text`.
    pub fn new(text: &str) -> Self {
        let mut needles = vec![text.as_bytes().to_vec()];
        needles.extend(base64_forms(text));
        let longest = needles.iter().map(Vec::len).max().unwrap_or_default();
        let needles = needles
            .iter()
            .map(|needle| Finder::new(needle).into_owned());
        Self {
            needles: needles.collect(),
            longest,
        }
    }

    /// Whether it is in `bytes`.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.needles
            .iter()
            .any(|needle| needle.find(bytes).is_some())
    }

    /// Whether it is in what `source` yields, however long that is.
    pub fn is_in_stream(&self, mut source: impl Read) -> Result<bool> {
        const PART: usize = 1 << 20;
        let mut buffer = vec![0; PART + self.longest];
        let mut kept = 0;
        loop {
            let read = source.read(&mut buffer[kept..])?;
            if read == 0 {
                return Ok(false);
            }
            let filled = kept + read;
            if self.is_in(&buffer[..filled]) {
                return Ok(true);
            }
            // What could be the start of it is looked at again with the rest.
            kept = filled.min(self.longest);
            buffer.copy_within(filled - kept..filled, 0);
        }
    }
}

/// The part of `text` that is the same in every Base64 text with `text` in
/// it, for each of the three places in a group of bytes where it may start.
fn base64_forms(text: &str) -> Vec<Vec<u8>> {
    let form = |offset: usize| {
        let mut bytes = vec![0; offset];
        bytes.extend_from_slice(text.as_bytes());
        let whole = bytes.len() / 3 * 3;
        let encoded = STANDARD_NO_PAD.encode(&bytes[..whole]).into_bytes();
        encoded[offset.div_ceil(3) * 4..].to_vec()
    };
    (0..3).map(form).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_raw_escaped_and_in_base64_at_any_offset() {
        let canary = Canary::new().unwrap();
        let finder = canary.finder();
        let token = canary.oauth_token();
        assert!(finder.is_in(serde_json::to_string(&token).unwrap().as_bytes()));
        for prefix in ["", "a", "ab", "abc"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{prefix}{token}\n"));
            assert!(finder.is_in(encoded.as_bytes()), "{prefix:?}");
        }
        assert!(!finder.is_in(Canary::new().unwrap().text().as_bytes()));
    }

    #[test]
    fn a_canary_across_the_parts_of_a_stream_is_found() {
        let canary = Canary::new().unwrap();
        for before in [0, (1 << 20) - 20, (1 << 20) + 40, 3 << 20] {
            let mut bytes = vec![b'.'; before];
            bytes.extend_from_slice(canary.text().as_bytes());
            assert!(canary.finder().is_in_stream(&*bytes).unwrap(), "{before}");
        }
    }
}
