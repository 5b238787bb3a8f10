use std::os::unix::fs::symlink;

use rustix::fs::{self, Mode};

use super::*;
use crate::identity::Users;

/// A rootfs that an image brought.
struct Image {
    folder: tempfile::TempDir,
}

impl Image {
    fn new(passwd: &[u8], group: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let image = Self { folder };
        std::fs::write(image.path("etc/passwd"), passwd).unwrap();
        std::fs::write(image.path("etc/group"), group).unwrap();
        image
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn rootfs(&self) -> Rootfs {
        let users = Users {
            user: Identity::ROOT,
            root: Identity::ROOT,
        };
        Rootfs::open(self.folder.path(), users).unwrap()
    }

    fn named(&self, user: &str) -> Result<Recipient, Error> {
        let ids = Ids::of(std::process::id().cast_signed()).unwrap();
        let user = ContainerUser::try_from(user.to_owned()).unwrap();
        named(&self.rootfs(), &ids, &user)
    }

    /// The user's ids and home, as `uid:gid:groups home`.
    fn found(&self, user: &str) -> String {
        let Recipient { user, home } = self.named(user).unwrap();
        let groups: Vec<_> = user.groups.iter().map(|gid| gid.as_raw()).collect();
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        format!("{uid}:{gid}:{groups:?} {}", home.display())
    }
}

fn image() -> Image {
    Image::new(
        b"root:x:0:0::/root:/bin/sh\ndev:x:1000:100::/home/dev:/bin/sh\nodd:x:1001:5::rel:\n",
        b"audio:x:29:dev\nempty:x:5:\nsudo:x:27:other,dev\n",
    )
}

#[test]
fn a_name_is_the_images_user_with_home_and_groups() {
    let image = image();
    assert_eq!(image.found("dev"), "1000:100:[29, 27] /home/dev");
    assert_eq!(image.found("root"), "0:0:[] /root");
    assert_eq!(image.found("odd"), "1001:5:[] /rel");
}

#[test]
fn a_number_is_taken_as_docker_exec_takes_it() {
    let image = image();
    assert_eq!(image.found("1000"), "1000:100:[29, 27] /home/dev");
    assert_eq!(image.found("1000:7"), "1000:7:[] /home/dev");
    assert_eq!(image.found("4711"), "4711:0:[] /");
    assert_eq!(image.found("4711:12"), "4711:12:[] /");
}

#[test]
fn a_name_that_is_not_there_is_told_by_name() {
    let error = image().named("vscode").unwrap_err();
    assert!(matches!(error, Error::Unknown(_)), "{error}");
    assert!(error.to_string().contains("user vscode"), "{error}");

    let none = image();
    std::fs::remove_file(none.path("etc/passwd")).unwrap();
    assert!(matches!(none.named("dev"), Err(Error::Unknown(_))));
    assert_eq!(none.found("1000"), "1000:0:[] /");
}

#[test]
fn an_image_cannot_make_root_of_a_name_that_does_not_say_so() {
    let image = Image::new(
        b"dev:x:0:0::/root:/bin/sh\ndev:x:1000:1000::/home/dev:\n",
        b"",
    );
    let error = image.named("dev").unwrap_err();
    assert!(matches!(error, Error::Disguised(_)), "{error}");
    assert_eq!(image.found("0"), "0:0:[] /root");
}

#[test]
fn of_two_entries_the_first_counts() {
    let image = Image::new(
        b"dev:x:1000:1::/one:\ndev:x:2000:2::/two:\nx:x:1000:3::/three:\n",
        b"",
    );
    assert_eq!(image.found("dev"), "1000:1:[] /one");
    assert_eq!(image.found("1000"), "1000:1:[] /one");
}

#[test]
fn a_giant_passwd_is_looked_at_to_a_limit_and_never_at_half_a_line() {
    let mut passwd = b"near:x:1:1::/near:\n".to_vec();
    let limit = usize::try_from(passwd::MAX_SIZE).unwrap();
    passwd.resize(limit - 20, b'#');
    // The limit lies within the home of this one.
    passwd.extend_from_slice(b"\nfar:x:2:2::/home/farther:\n");
    let image = Image::new(&passwd, b"");
    assert_eq!(image.found("near"), "1:1:[] /near");
    let error = image.named("far").unwrap_err();
    assert!(matches!(error, Error::TooFar(_)), "{error}");
    assert!(matches!(image.named("2"), Err(Error::TooFar(_))));
}

#[test]
fn more_groups_than_the_kernel_takes_are_cut_off() {
    let lines = (0..100_000).map(|gid| format!("g:x:{gid}:dev\n"));
    let group: String = lines.collect();
    let image = Image::new(b"dev:x:1000:100::/home/dev:\n", group.as_bytes());
    let Recipient { user, .. } = image.named("dev").unwrap();
    assert_eq!(user.groups.len(), MAX_GROUPS);
    user.act(|| ()).unwrap();
}

#[test]
fn a_passwd_that_leads_out_of_the_image_or_is_no_file_is_none() {
    let image = image();
    let passwd = image.path("etc/passwd");
    let elsewhere = tempfile::tempdir().unwrap();
    let host = elsewhere.path().join("passwd");
    std::fs::write(&host, "dev:x:7:7::/host:\n").unwrap();
    std::fs::remove_file(&passwd).unwrap();
    symlink(&host, &passwd).unwrap();
    assert!(matches!(image.named("dev"), Err(Error::Unknown(_))));

    std::fs::remove_file(&passwd).unwrap();
    let mode = Mode::from_raw_mode(0o644);
    fs::mknodat(fs::CWD, &passwd, fs::FileType::Fifo, mode, 0).unwrap();
    assert!(matches!(image.named("dev"), Err(Error::Unknown(_))));
}

#[test]
fn scenario_49_home_is_home_else_passwds_else_the_root() {
    let image = image();
    let home_of = |home: Option<&str>, uid: u32| {
        let home = home.map(Path::new);
        home_of_process(&image.rootfs(), uid, home, Path::new("/srv"))
    };
    assert_eq!(home_of(Some("/data"), 1000).unwrap(), Path::new("/data"));
    assert_eq!(home_of(Some("rel"), 1000).unwrap(), Path::new("/srv/rel"));
    assert_eq!(home_of(None, 1000).unwrap(), Path::new("/home/dev"));
    assert_eq!(home_of(None, 4711).unwrap(), Path::new("/"));

    let giant = std::fs::File::create(image.path("etc/passwd")).unwrap();
    giant.set_len(1 << 30).unwrap();
    assert!(matches!(home_of(None, 1000), Err(Error::HomeTooFar(1000))));

    std::fs::remove_file(image.path("etc/passwd")).unwrap();
    let mode = Mode::from_raw_mode(0o644);
    fs::mknodat(
        fs::CWD,
        image.path("etc/passwd"),
        fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    assert_eq!(home_of(None, 1000).unwrap(), Path::new("/"));
}
