//! Merging a seed into a JSON file of the container's user, key by key.

use std::borrow::Cow;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::file;
use crate::identity::Identity;
use crate::raw_object::RawObject;
use crate::rootfs::{Error, Spot, Trouble};

/// The largest file that is merged into, in bytes.
const MAX_SIZE: u64 = 32 << 20;

/// Merges an object into the file at a place, atomically and as its user.
///
/// Objects are merged key by key and lists gain what they lack; anything else
/// takes the seed's value. What is already so is not written again.
pub fn plant(spot: &Spot, seed: &Map<String, Value>, user: &Identity) -> Result<(), Error> {
    let at = |trouble: Trouble| trouble.at(&spot.path);
    let acting = |error| at(Trouble::of("act as the container's user", error));
    let existing = if spot.occupied {
        Some(user.act(|| read(spot, user)).map_err(acting)?.map_err(at)?)
    } else {
        None
    };
    let (text, mode) = match &existing {
        Some((text, mode)) => (text.as_str(), *mode),
        None => ("", 0o600),
    };
    let Some(merged) = merge(text, seed).map_err(|_| at(Trouble::NotJson))? else {
        return Ok(());
    };
    let written = user
        .act(|| write(spot, merged.as_bytes(), mode))
        .map_err(acting)?;
    match written {
        // The user may not write in this folder, as with `/` for a home; the
        // file is made for them there, and nothing that exists is touched.
        Err(Errno::ACCESS) if !spot.occupied => make_for(spot, merged.as_bytes(), user),
        Err(Errno::ACCESS | Errno::PERM) => Err(Trouble::Unwritable(user.uid.as_raw())),
        result => result.map_err(|error| Trouble::of("write it", error)),
    }
    .map_err(at)
}

/// Merges a seed into a JSON text; `None` when nothing changes.
fn merge(existing: &str, seed: &Map<String, Value>) -> serde_json::Result<Option<String>> {
    let existing = if existing.trim().is_empty() {
        "{}"
    } else {
        existing
    };
    let object: RawObject = serde_json::from_str(existing)?;
    merge_object(&object, seed)
}

fn merge_object(
    object: &RawObject<'_>,
    seed: &Map<String, Value>,
) -> serde_json::Result<Option<String>> {
    let mut changed = false;
    let mut entries: Vec<(&str, Cow<'_, str>)> = Vec::new();
    for (key, value) in object.entries() {
        let merged = match seed.get(key) {
            Some(wanted) => merge_value(value, wanted)?,
            None => None,
        };
        changed |= merged.is_some();
        entries.push((key, merged.map_or(Cow::Borrowed(value.get()), Cow::Owned)));
    }
    for (key, wanted) in seed {
        if object.get(key).is_none() {
            changed = true;
            entries.push((key, Cow::Owned(wanted.to_string())));
        }
    }
    if !changed {
        return Ok(None);
    }
    let mut parts = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        parts.push(format!("{}: {value}", serde_json::to_string(key)?));
    }
    Ok(Some(format!("{{{}}}", parts.join(", "))))
}

fn merge_value(existing: &RawValue, wanted: &Value) -> serde_json::Result<Option<String>> {
    match wanted {
        Value::Object(seed) => {
            if let Ok(object) = serde_json::from_str::<RawObject>(existing.get()) {
                return merge_object(&object, seed);
            }
        }
        Value::Array(seed) => {
            if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(existing.get()) {
                return merge_list(&items, seed);
            }
        }
        scalar => {
            if serde_json::from_str::<Value>(existing.get())? == *scalar {
                return Ok(None);
            }
        }
    }
    Ok(Some(wanted.to_string()))
}

fn merge_list(items: &[&RawValue], seed: &[Value]) -> serde_json::Result<Option<String>> {
    let mut present = Vec::with_capacity(items.len());
    for item in items {
        present.push(serde_json::from_str::<Value>(item.get())?);
    }
    let missing: Vec<String> = seed
        .iter()
        .filter(|wanted| !present.contains(wanted))
        .map(Value::to_string)
        .collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let kept = items.iter().map(|item| item.get().to_owned());
    let all: Vec<String> = kept.chain(missing).collect();
    Ok(Some(format!("[{}]", all.join(", "))))
}

fn read(spot: &Spot, user: &Identity) -> Result<(String, u32), Trouble> {
    let fd = fs::openat(&spot.folder, &*spot.name, file::READ_HOSTILE, Mode::empty()).map_err(
        |error| match error {
            Errno::ACCESS => Trouble::Unreadable(user.uid.as_raw()),
            error => Trouble::of("open it", error),
        },
    )?;
    // The place may have been swapped since it was looked at.
    let stat = fs::fstat(&fd).map_err(|error| Trouble::of("stat it", error))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Trouble::NotFile("thing that changes"));
    }
    let bytes = file::read_bounded(fd, MAX_SIZE).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Trouble::TooLarge(MAX_SIZE),
        _ => Trouble::System("read it", error),
    })?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| Trouble::NotJson)?;
    Ok((text, stat.st_mode & 0o777))
}

/// Writes beside the place and renames; over a mount point, which cannot be
/// renamed over, writes in place.
fn write(spot: &Spot, bytes: &[u8], mode: u32) -> Result<(), Errno> {
    let mut name = spot.name.clone();
    name.push(format!(".jackin-{}", std::process::id()));
    let created = create(&spot.folder, &name, mode);
    let renamed = created.and_then(|fd| {
        write_all(fd, bytes)?;
        fs::renameat(&spot.folder, &*name, &spot.folder, &*spot.name)
    });
    if renamed.is_err() {
        let _ = fs::unlinkat(&spot.folder, &*name, AtFlags::empty());
    }
    match renamed {
        Err(Errno::BUSY | Errno::ACCESS | Errno::PERM) if spot.occupied => {
            let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let flags = flags | OFlags::NOCTTY | OFlags::CLOEXEC;
            let fd = fs::openat(&spot.folder, &*spot.name, flags, Mode::empty())?;
            write_all(fd, bytes)
        }
        result => result,
    }
}

/// Makes the file as root and gives it to its user.
fn make_for(spot: &Spot, bytes: &[u8], user: &Identity) -> Result<(), Trouble> {
    let made = create(&spot.folder, &spot.name, 0o600).and_then(|fd| {
        fs::fchown(&fd, Some(user.uid), Some(user.gid))?;
        write_all(fd, bytes)
    });
    made.map_err(|error| Trouble::of("make it", error))
}

fn create(folder: &OwnedFd, name: &std::ffi::OsStr, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(folder, name, flags, Mode::from_raw_mode(mode))
}

fn write_all(fd: OwnedFd, bytes: &[u8]) -> Result<(), Errno> {
    let mut file = std::fs::File::from(fd);
    file.write_all(bytes)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(existing: &str, seed: Value) -> Option<String> {
        let Value::Object(seed) = seed else {
            unreachable!("a seed is an object")
        };
        merge(existing, &seed).unwrap()
    }

    #[test]
    fn scenario_39_the_keys_that_are_there_keep_their_bytes() {
        let existing = r#"{"numStartups": 1.50, "projects":{"/w":{"x":1e2}},"tips": [1]}"#;
        let merged = merged(
            existing,
            serde_json::json!({"hasCompletedOnboarding": true, "tips": [1, "a"], "projects": {"/w": {"y": null}}}),
        );
        assert_eq!(
            merged.unwrap(),
            r#"{"numStartups": 1.50, "projects": {"/w": {"x": 1e2, "y": null}}, "tips": [1, "a"], "hasCompletedOnboarding": true}"#
        );
    }

    #[test]
    fn what_is_already_so_is_not_written_again() {
        let seed = serde_json::json!({"a": true, "b": [1], "c": {"d": "e"}});
        assert_eq!(
            merged(r#"{"c":{"d":"e","f":0},"b":[2,1],"a":true}"#, seed),
            None
        );
    }

    #[test]
    fn an_empty_file_counts_as_an_empty_object_and_anything_else_is_refused() {
        let seed = serde_json::json!({"a": 1});
        assert_eq!(merged(" \n", seed.clone()).unwrap(), r#"{"a": 1}"#);
        let Value::Object(seed) = seed else {
            unreachable!("a seed is an object")
        };
        for text in ["[]", "null", "{", "{} {}", "\"x\""] {
            assert!(merge(text, &seed).is_err(), "{text}");
        }
    }
}
