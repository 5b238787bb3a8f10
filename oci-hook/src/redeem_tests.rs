use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::payload::Payload;
use crate::ticket::{Limits, SCHEMA, TicketId};

const NOW: u64 = 1_000_000;

/// A user's ticket folder and an engine's store, both on tmpfs.
struct Hall {
    folder: tempfile::TempDir,
    store: Store,
    uid: u32,
}

impl Hall {
    fn new() -> Self {
        Self::of(Standing::Root)
    }

    fn of(standing: Standing) -> Self {
        let private = || PermissionsExt::from_mode(0o700);
        let folder = tempfile::Builder::new()
            .permissions(private())
            .tempdir_in("/dev/shm")
            .unwrap();
        for name in ["user/tickets", "engine"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in ["user", "user/tickets", "engine"] {
            std::fs::set_permissions(folder.path().join(name), private()).unwrap();
        }
        let store = Store::create_at(&[folder.path().join("engine")], standing).unwrap();
        let uid = standing.called_outside(rustix::process::geteuid().as_raw());
        Self { folder, store, uid }
    }

    fn ticket(&self) -> Ticket {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let bits = u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        Ticket {
            schema: SCHEMA,
            id: TicketId::from_random(bits),
            owner: self.uid,
            issued: NOW - 10,
            expires: NOW + 50,
            request: None,
            payload: Payload::default(),
            user: None,
            limits: Limits::default(),
        }
    }

    fn path(&self, ticket: &Ticket) -> PathBuf {
        self.folder
            .path()
            .join("user/tickets")
            .join(ticket.id.as_str())
    }

    fn stage(&self, ticket: &Ticket) -> PathBuf {
        let path = self.path(ticket);
        Self::put(&path, &ticket.to_json().unwrap());
        path
    }

    fn put(path: &Path, bytes: &[u8]) {
        std::fs::write(path, bytes).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn redeem(&self, handle: &Handle, container: &str) -> Result<Ticket, Error> {
        self.redeem_by(handle, container, None)
    }

    fn redeem_by(&self, handle: &Handle, id: &str, image: Option<&str>) -> Result<Ticket, Error> {
        self.redeem_where(handle, id, image, &|_| Ok(()))
    }

    fn redeem_where(
        &self,
        handle: &Handle,
        id: &str,
        image: Option<&str>,
        fits: &dyn Fn(&Payload) -> Result<(), String>,
    ) -> Result<Ticket, Error> {
        let id = ContainerId::try_from(OsString::from(id)).unwrap();
        let bearer = Bearer {
            id: &id,
            image,
            image_id: Some("sha256:0a"),
        };
        let folders = [
            self.folder.path().join("missing"),
            self.folder.path().join("user"),
        ];
        redeem_from(&self.store, handle, &bearer, NOW, fits, &folders)
    }
}

#[test]
fn what_a_container_cannot_be_given_is_left_for_another() {
    let hall = Hall::new();
    let ticket = hall.ticket();
    hall.stage(&ticket);
    let handle = ticket.handle();
    let refused = hall.redeem_where(&handle, "one", None, &|_| Err("no".to_owned()));
    assert_eq!(refused.unwrap_err().to_string(), "no");
    hall.redeem(&handle, "two").unwrap();
}

#[test]
fn scenario_53_a_ticket_serves_one_container_and_then_names_it() {
    let hall = Hall::new();
    let ticket = hall.ticket();
    let path = hall.stage(&ticket);
    assert_eq!(
        hall.redeem(&ticket.handle(), "first").unwrap().id,
        ticket.id
    );
    assert!(!path.exists());
    let again = hall.redeem(&ticket.handle(), "second").unwrap_err();
    assert!(matches!(again, Error::Redeemed { by } if by == "first"));
    // A ticket that is put back is not given twice either.
    hall.stage(&ticket);
    let again = hall.redeem(&ticket.handle(), "second").unwrap_err();
    assert!(matches!(again, Error::Redeemed { by } if by == "first"));
}

#[test]
fn a_ticket_for_three_containers_serves_three() {
    let hall = Hall::new();
    let mut ticket = hall.ticket();
    ticket.limits.containers = 3;
    hall.stage(&ticket);
    for container in ["a", "b", "c"] {
        assert!(
            hall.redeem(&ticket.handle(), container).is_ok(),
            "{container}"
        );
    }
    let fourth = hall.redeem(&ticket.handle(), "d").unwrap_err();
    assert!(matches!(fourth, Error::Redeemed { by } if by == "c"));
}

#[test]
fn of_many_containers_at_once_with_one_handle_one_has_it() {
    let hall = Hall::new();
    let ticket = hall.ticket();
    hall.stage(&ticket);
    let served = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for at in 0..16 {
            let (hall, served, handle) = (&hall, &served, ticket.handle());
            scope.spawn(move || {
                if hall.redeem(&handle, &format!("c{at}")).is_ok() {
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(served.into_inner(), 1);
}

#[test]
fn scenario_53_a_file_that_is_no_ticket_of_its_owner_is_refused_with_its_reason() {
    let hall = Hall::new();
    let refused = |spoil: &dyn Fn(&Ticket, &Path)| {
        let ticket = hall.ticket();
        let path = hall.stage(&ticket);
        spoil(&ticket, &path);
        hall.redeem(&ticket.handle(), "c").unwrap_err()
    };

    let world_readable = refused(&|_, path| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    });
    assert!(
        matches!(world_readable, Error::File { .. }),
        "{world_readable}"
    );

    let link = refused(&|_, path| {
        let elsewhere = path.with_extension("elsewhere");
        std::fs::rename(path, &elsewhere).unwrap();
        symlink(elsewhere, path).unwrap();
    });
    assert!(matches!(link, Error::File { .. }), "{link}");

    let two_links = refused(&|_, path| {
        std::fs::hard_link(path, path.with_extension("second")).unwrap();
    });
    assert!(matches!(two_links, Error::File { .. }), "{two_links}");

    let fifo = refused(&|_, path| {
        std::fs::remove_file(path).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        fs::mknodat(fs::CWD, path, FileType::Fifo, mode, 0).unwrap();
    });
    assert!(matches!(fifo, Error::File { .. }), "{fifo}");

    let folder = refused(&|_, path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    });
    assert!(matches!(folder, Error::File { .. }), "{folder}");

    let too_large = refused(&|_, path| {
        Hall::put(path, &vec![b' '; usize::try_from(MAX_SIZE).unwrap() + 1]);
    });
    assert!(matches!(too_large, Error::TooLarge), "{too_large}");

    let half = refused(&|ticket, path| {
        let json = ticket.to_json().unwrap();
        Hall::put(path, &json[..json.len() / 2]);
    });
    assert!(
        matches!(half, Error::Invalid(InvalidTicket::Malformed { .. })),
        "{half}"
    );

    let newer = refused(&|ticket, path| {
        let json = String::from_utf8(ticket.to_json().unwrap().to_vec()).unwrap();
        let json = json.replace(&format!("\"schema\":{SCHEMA}"), "\"schema\":99,\"news\":[]");
        Hall::put(path, json.as_bytes());
    });
    assert!(
        matches!(newer, Error::Invalid(InvalidTicket::Schema { found: 99 })),
        "{newer}"
    );

    let other_id = refused(&|_, path| {
        Hall::put(path, &hall.ticket().to_json().unwrap());
    });
    assert!(matches!(other_id, Error::OtherHandle), "{other_id}");
}

#[test]
fn scenario_53_an_expired_ticket_is_refused() {
    let hall = Hall::new();
    let mut ticket = hall.ticket();
    ticket.expires = NOW - 5;
    hall.stage(&ticket);
    let error = hall.redeem(&ticket.handle(), "c").unwrap_err();
    assert!(matches!(error, Error::Expired { seconds: 5 }), "{error}");
}

#[test]
fn scenario_53_a_life_longer_than_a_day_is_refused() {
    let hall = Hall::new();
    let mut ticket = hall.ticket();
    ticket.expires = ticket.issued + crate::ticket::MAX_LIFETIME + 1;
    hall.stage(&ticket);
    let error = hall.redeem(&ticket.handle(), "c").unwrap_err();
    assert!(
        matches!(error, Error::Invalid(InvalidTicket::Lifetime)),
        "{error}"
    );
}

#[test]
fn scenario_53_another_uids_folder_is_refused() {
    let hall = Hall::new();
    let ticket = hall.ticket();
    hall.stage(&ticket);
    let mut handle = ticket.handle();
    handle.owner += 1;
    let error = hall.redeem(&handle, "c").unwrap_err();
    assert!(matches!(error, Error::Folder { .. }), "{error}");
}

#[test]
fn scenario_53_a_folder_that_others_may_enter_or_that_is_a_link_is_refused() {
    for name in ["user", "user/tickets"] {
        let hall = Hall::new();
        let ticket = hall.ticket();
        hall.stage(&ticket);
        let folder = hall.folder.path().join(name);
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o710)).unwrap();
        let error = hall.redeem(&ticket.handle(), "c").unwrap_err();
        assert!(matches!(error, Error::Folder { .. }), "{name}: {error}");

        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
        let moved = hall.folder.path().join("moved");
        std::fs::rename(&folder, &moved).unwrap();
        symlink(&moved, &folder).unwrap();
        let error = hall.redeem(&ticket.handle(), "c").unwrap_err();
        assert!(matches!(error, Error::Folder { .. }), "{name}: {error}");
    }
}

#[test]
fn scenario_53_another_image_is_refused_and_so_is_an_unknown_one() {
    let hall = Hall::new();
    let mut ticket = hall.ticket();
    ticket.limits.image = Some("acme/web:1".into());
    hall.stage(&ticket);
    for image in [Some("acme/web:2"), None] {
        let error = hall.redeem_by(&ticket.handle(), "c", image).unwrap_err();
        assert!(matches!(error, Error::Image { .. }), "{error}");
    }
    assert!(
        hall.redeem_by(&ticket.handle(), "c", Some("acme/web:1"))
            .is_ok()
    );
}

#[test]
fn a_ticket_for_an_image_serves_it_by_its_id_and_by_its_full_name() {
    let hall = Hall::new();
    for (wanted, image) in [
        ("web", Some("localhost/web:latest")),
        ("acme/web:1", Some("docker.io/acme/web:1")),
        ("sha256:0a", None),
    ] {
        let mut ticket = hall.ticket();
        ticket.limits.image = Some(wanted.into());
        hall.stage(&ticket);
        let redeemed = hall.redeem_by(&ticket.handle(), "c", image);
        assert!(redeemed.is_ok(), "{wanted}: {redeemed:?}");
    }
}

#[test]
fn a_rootless_engine_takes_its_own_users_ticket_and_no_other() {
    let hall = Hall::of(Standing::Rootless { uid: 4711 });
    // Its user's files show as root's there.
    let ticket = hall.ticket();
    assert_eq!(ticket.owner, 4711);
    hall.stage(&ticket);
    let mut roots = ticket.handle();
    roots.owner = 0;
    let error = hall.redeem(&roots, "c").unwrap_err();
    assert!(
        matches!(
            error,
            Error::OtherEngine {
                ticket: 0,
                engine: 4711
            }
        ),
        "{error}"
    );
    assert!(hall.redeem(&ticket.handle(), "c").is_ok());
}

#[test]
fn a_rootless_engine_follows_the_systems_links_and_not_its_users_folder() {
    let hall = Hall::of(Standing::Rootless { uid: 4711 });
    let system = tempfile::tempdir().unwrap();
    symlink(hall.folder.path(), system.path().join("session")).unwrap();
    symlink(
        hall.folder.path().join("user"),
        system.path().join("linked"),
    )
    .unwrap();
    let ticket = hall.ticket();
    hall.stage(&ticket);
    let find = |path: &str| {
        let folders = [system.path().join(path)];
        find(&ticket.handle(), hall.store.standing(), &folders)
    };
    assert!(find("session/user").unwrap().is_some());
    assert!(matches!(find("linked"), Err(Error::Folder { .. })));
}

#[test]
fn ledgers_of_expired_tickets_are_dropped() {
    let hall = Hall::new();
    let ticket = hall.ticket();
    hall.stage(&ticket);
    hall.redeem(&ticket.handle(), "c").unwrap();
    let ledgers = file::open_folder(hall.store.root(), LEDGERS).unwrap();
    sweep(&ledgers, NOW);
    assert_eq!(file::names(&ledgers).unwrap().len(), 1);
    sweep(&ledgers, ticket.expires + 61);
    assert!(file::names(&ledgers).unwrap().is_empty());
}
