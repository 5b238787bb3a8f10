//! `file:PATH`: the content of a file, less its trailing line breaks.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::SourceError;

/// How such a source begins.
pub(super) const SCHEME: &str = "file:";

/// The largest file that is read, in bytes. A variable can hold 128 KiB.
const LIMIT: u64 = 64 << 10;

/// The path of a `file:` source, or of another whose value lies in a file; `~/`
/// stays as it is.
pub(super) fn parse(path: &str, scheme: &'static str) -> Result<PathBuf, SourceError> {
    if path.starts_with('/') || (path.starts_with("~/") && path.len() > 2) {
        return Ok(path.into());
    }
    Err(SourceError::RelativeFile { scheme })
}

/// Reads the file, `~/` being below `home`.
pub(super) fn read(path: &Path, home: &Path) -> Result<SecretString, SourceError> {
    let (path, bytes) = content(path, home)?;
    text(&bytes, &path)
}

/// What is in a small file, and where it is.
pub(super) fn content(
    path: &Path,
    home: &Path,
) -> Result<(PathBuf, Zeroizing<Vec<u8>>), SourceError> {
    let path = match path.strip_prefix("~") {
        Ok(below) => home.join(below),
        Err(_) => path.to_owned(),
    };
    let unreadable = |error| SourceError::File {
        path: path.clone(),
        error: Arc::new(error),
    };
    // Without waiting: a FIFO without a writer would hold the launch up.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options()
        .read(true)
        .custom_flags(nonblock)
        .open(&path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LIMIT {
        return Err(SourceError::NoValueFile { path, limit: LIMIT });
    }
    let room = usize::try_from(LIMIT).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok((path, bytes))
}

/// The value in a file, without its trailing line breaks.
pub(super) fn text(bytes: &[u8], path: &Path) -> Result<SecretString, SourceError> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .map(|text| text.trim_end_matches(['\r', '\n']))
        .filter(|text| !text.contains('\0'));
    let no_text = || SourceError::NoText {
        place: path.display().to_string(),
    };
    text.map(Into::into).ok_or_else(no_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::fs;

    #[test]
    fn a_file_gives_its_text_without_the_last_line_break() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("token"), "canary\r\n").unwrap();
        let path = parse("~/token", SCHEME).unwrap();
        let value = read(&path, home.path()).unwrap();
        assert_eq!(value.expose_secret(), "canary");
    }

    #[test]
    fn what_is_no_small_text_file_is_refused_at_once() {
        let home = tempfile::tempdir().unwrap();
        let fifo = home.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
        fs::write(home.path().join("large"), vec![b'x'; 65 << 10]).unwrap();
        fs::write(home.path().join("binary"), b"a\0b").unwrap();
        for (name, shown) in [
            ("fifo", "no regular file"),
            ("large", "no regular file of at most 65536"),
            ("binary", "UTF-8 text without NUL"),
            ("missing", "cannot be read"),
            ("", "no regular file"),
        ] {
            let error = read(&home.path().join(name), home.path()).unwrap_err();
            assert!(error.to_string().contains(shown), "{name}: {error}");
        }
        assert!(parse("relative", SCHEME).is_err() && parse("~other/x", SCHEME).is_err());
    }
}
