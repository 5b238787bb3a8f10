//! A delivery tried out with Podman, by both of its channels.
//!
//! No image of the user's is needed: a small one is made that has only links
//! into the host's own `/usr`, mounted read-only, whose shell says what
//! arrived. (`--rootfs` would do without, but of such a container Podman 4.3
//! does not say that its annotations are no image's.)

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, Handle, Limits};

use super::program;
use crate::engine::installation::{self, RUNTIME_NAME};
use crate::engine::marker::{FILE, Marker, VARIABLE};
use crate::engine::owner::Owner;
use crate::failure::{Failure, Kind};
use crate::handoff::{LIFETIME, Terms};

/// Folders at the root that are links into `/usr`, or are mounted as it is.
const AT_THE_ROOT: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// The longest that the container may run, in seconds.
const LIMIT: &str = "30";

/// Delivers a marker by the runtime and another by the hook alone.
///
/// # Errors
/// One of them does not arrive, with Podman's own words where it has some.
pub(super) fn verify(podman: &Path, owner: &Owner) -> Result<Vec<String>, Failure> {
    let root = Root::prepare().map_err(|error| {
        let message = format!("cannot make an image to try a delivery out: {error}");
        Failure::new(Kind::Configuration, message)
    })?;
    let image = Image::import(podman, &root)?;
    let by_runtime = Trial {
        runtime: RUNTIME_NAME.into(),
        variable: true,
    };
    let by_hook = Trial {
        runtime: low_level(owner)?,
        variable: false,
    };
    by_runtime.run(&image, &root)?;
    by_hook.run(&image, &root)?;
    Ok(vec![
        "verified: a variable and a file arrived by the runtime".to_owned(),
        "verified: a file arrived by the hook alone".to_owned(),
    ])
}

/// A runtime that is not ours, so that nothing but the hook can deliver.
fn low_level(owner: &Owner) -> Result<PathBuf, Failure> {
    let text = fs::read_to_string(owner.settings()).unwrap_or_default();
    let set = crate::engine::settings::low_level(&text).unwrap_or_default();
    let found = match set {
        Some(path) => installation::find_low_level(&path),
        None => {
            installation::find_low_level("crun").or_else(|_| installation::find_low_level("runc"))
        }
    };
    found.map_err(|error| Failure::new(Kind::Configuration, error))
}

/// One container.
struct Trial {
    runtime: PathBuf,
    variable: bool,
}

impl Trial {
    fn run(&self, image: &Image<'_>, root: &Root) -> Result<(), Failure> {
        let marker = Marker::draw()?;
        let terms = Terms {
            limits: Limits::default(),
            user: None,
            lifetime: LIFETIME,
        };
        let staged = marker.stage(self.variable, terms)?;
        let said = program::ask(
            image.podman,
            self.arguments(&staged.handle, &image.id, root),
        );
        staged.withdraw();
        let said = said.map_err(|failure| self.failed(&failure.message))?;
        let expected = if self.variable {
            format!("{0}\n{0}\n", marker.text())
        } else {
            format!("\n{}\n", marker.text())
        };
        if said == expected {
            return Ok(());
        }
        Err(self.failed("the container started, and nothing arrived in it"))
    }

    fn failed(&self, why: &str) -> Failure {
        let channel = if self.variable { "runtime" } else { "hook" };
        let message = format!("a delivery by the {channel} does not work: {why}");
        Failure::new(Kind::Engine, message)
    }

    fn arguments(&self, handle: &Handle, image: &str, root: &Root) -> Vec<String> {
        let words = [
            "run",
            "--rm",
            "--quiet",
            "--network=none",
            "--log-driver=none",
            "--security-opt=label=disable",
            // As the engine's own: where they are low, Podman asks for more.
            "--ulimit=host",
            "--env=HOME=/root",
            "--timeout",
            LIMIT,
        ];
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        words.push(format!("--runtime={}", self.runtime.display()));
        words.push(format!(
            "--annotation={HANDLE_ANNOTATION}={}",
            handle.expose()
        ));
        words.extend(root.mounts.iter().cloned());
        words.extend([image, "/bin/sh", "-c"].map(str::to_owned));
        words.push(script());
        words
    }
}

/// Says what is in the variable and in the file, which ends without a line
/// break, a line each.
fn script() -> String {
    format!("echo \"${VARIABLE}\"; read -r line < \"$HOME/{FILE}\"; echo \"$line\"")
}

/// An image of Podman's, until it is dropped.
struct Image<'a> {
    podman: &'a Path,
    id: String,
}

impl<'a> Image<'a> {
    fn import(podman: &'a Path, root: &Root) -> Result<Self, Failure> {
        let tar = root.tar().map_err(|error| {
            let message = format!("cannot make an image to try a delivery out: {error}");
            Failure::new(Kind::Configuration, message)
        })?;
        let id = program::ask(
            podman,
            [OsStr::new("import"), "--quiet".as_ref(), tar.as_ref()],
        )?;
        let id = id.trim().to_owned();
        Ok(Self { podman, id })
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        let removed = program::ask(self.podman, ["rmi", "--force", &self.id]);
        if let Err(failure) = removed {
            tracing::debug!(%failure, "failed to remove the image of a trial");
        }
    }
}

/// An empty root with links into the host's `/usr`, to be made an image.
struct Root {
    folder: tempfile::TempDir,
    beside: tempfile::TempDir,
    mounts: Vec<String>,
}

impl Root {
    fn prepare() -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        for made in ["etc", "root", "usr"] {
            fs::create_dir(at(made))?;
        }
        fs::write(at("etc/passwd"), "root:x:0:0::/root:/bin/sh\n")?;
        let mut mounts = vec![read_only("usr")];
        for name in AT_THE_ROOT {
            let hosts = Path::new("/").join(name);
            match fs::read_link(&hosts) {
                Ok(target) => symlink(target, at(name))?,
                Err(_) if hosts.is_dir() => {
                    fs::create_dir(at(name))?;
                    mounts.push(read_only(name));
                }
                Err(_) => {}
            }
        }
        Ok(Self {
            folder,
            beside: tempfile::tempdir()?,
            mounts,
        })
    }

    /// All of it in one file.
    fn tar(&self) -> std::io::Result<PathBuf> {
        let file = self.beside.path().join("image.tar");
        let mut tar = Command::new("tar");
        tar.arg("--create").arg("--file").arg(&file);
        tar.args(["--owner=0", "--group=0", "--directory"]);
        let output = tar.arg(self.folder.path()).arg(".").output()?;
        if output.status.success() {
            return Ok(file);
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(std::io::Error::other(format!("tar: {}", words.trim())))
    }
}

fn read_only(name: &str) -> String {
    format!("--volume=/{name}:/{name}:ro")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_is_on_no_command_line() {
        let root = Root::prepare().unwrap();
        let trial = Trial {
            runtime: "/usr/bin/crun".into(),
            variable: false,
        };
        let handle: Handle = "0.00112233445566778899aabbccddeeff".parse().unwrap();
        let words = trial.arguments(&handle, "image", &root);
        assert!(words.contains(&"--runtime=/usr/bin/crun".to_owned()));
        assert!(words.contains(&format!(
            "--annotation={HANDLE_ANNOTATION}={}",
            handle.expose()
        )));
        assert!(words.contains(&"--volume=/usr:/usr:ro".to_owned()));
        assert!(script().contains(VARIABLE) && script().contains(FILE));
    }
}
