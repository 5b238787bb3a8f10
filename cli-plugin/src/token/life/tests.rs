//! What the verbs do, and what they leave alone when something goes wrong.

use insta::assert_snapshot;

use super::stand_in::{CONFIG, StandIn, Trouble, any, scope};
use super::{Fate, Given, OldPlace, RowResult};
use crate::config::Written;
use crate::failure::Kind;
use crate::token::record::Made;

fn wired() -> StandIn {
    let machine = StandIn::new();
    machine.life().setup(&scope(None), &any()).unwrap();
    machine.steps.borrow_mut().clear();
    machine
}

/// The text with what is random taken out.
fn without_ids(machine: &StandIn, text: &str) -> String {
    let servers = machine.kept().into_keys();
    servers.fold(text.to_owned(), |text, server| text.replace(&server, "ID"))
}

#[test]
fn setup_stores_reads_back_wires_and_notes() {
    let machine = StandIn::new();
    let done = machine.life().setup(&scope(None), &any()).unwrap();
    assert_snapshot!(without_ids(&machine, &machine.text()), @r#"
    # Mine.
    [roles.web]
    image = "x"
    agents = ["claude"]

    [workspaces.a]
    workdir = "/nonexistent/a"

    [workspaces.a.claude]
    auth_forward = "oauth_token"
    oauth_token = "helper:fake/ID"
    "#);
    assert_snapshot!(without_ids(&machine, &machine.told()), @r"
    storing the token in the fake
    reading it back from helper:fake/ID
    ");
    let record = machine.record(&scope(None));
    let token = record.token.unwrap();
    assert_eq!(token.source, done.source);
    assert_eq!(token.fingerprint, done.fingerprint);
    assert_eq!((token.made, token.expires), (Made::Ours, done.expires));
    let year = done.expires.unwrap().as_second() - done.issued.unwrap().as_second();
    assert_eq!(year, 365 * 86_400);
    assert!(record.orphans.is_empty() && record.pending.is_none());
    assert_eq!(machine.token_of(&scope(None)).as_deref(), Some("1"));
}

#[test]
fn scenario_67_a_role_has_a_token_of_its_own_and_each_is_replaced_for_itself() {
    let machine = wired();
    let role = scope(Some("web"));
    machine.life().setup(&role, &any()).unwrap();
    assert_eq!(machine.token_of(&role).as_deref(), Some("2"));
    machine.life().rotate(&role, &Given::default()).unwrap();
    assert_eq!(machine.token_of(&role).as_deref(), Some("3"));
    assert_eq!(machine.token_of(&scope(None)).as_deref(), Some("1"));
    machine.life().revoke(&role, true).unwrap();
    assert_eq!(machine.token_of(&role), None);
    assert_eq!(machine.kept().values().collect::<Vec<_>>(), ["1"]);
    assert!(
        machine
            .text()
            .contains("[workspaces.a.roles.web.claude]\nauth_forward = \"ignore\"")
    );
}

#[test]
fn what_is_wired_is_not_set_up_again() {
    let machine = wired();
    let before = machine.text();
    let failure = machine.life().setup(&scope(None), &any()).unwrap_err();
    assert_eq!(failure.kind, Kind::Usage);
    let told = without_ids(&machine, &failure.to_string());
    assert_snapshot!(told, @r"
    workspace a has a token already: helper:fake/ID
      put a new one in its place: docker jackin workspace claude-token rotate a
      or take it out first: docker jackin workspace claude-token revoke a
    ");
    assert_eq!((machine.text(), machine.told()), (before, String::new()));
}

#[test]
fn scenario_62_without_a_token_nothing_is_asked_of_a_store_and_nothing_is_changed() {
    for (trouble, kind) in [
        (Trouble::Mint, Kind::Configuration),
        (Trouble::Interrupted, Kind::Interrupted(2)),
    ] {
        let machine = StandIn::new();
        machine.trouble.set(trouble);
        let failure = machine.life().setup(&scope(None), &any()).unwrap_err();
        assert_eq!(failure.kind, kind);
        assert_eq!(
            (machine.told(), machine.text()),
            (String::new(), CONFIG.to_owned())
        );
        assert!(machine.kept().is_empty() && machine.record(&scope(None)).is_empty());
        assert!(!failure.to_string().contains("was minted"));
    }
}

#[test]
fn scenario_63_64_what_fails_after_the_minting_leaves_no_orphan_and_no_change() {
    for trouble in [
        Trouble::Put,
        Trouble::PutAfterAll,
        Trouble::ReadBack,
        Trouble::Altered,
        Trouble::Edited,
    ] {
        let machine = StandIn::new();
        machine.trouble.set(trouble);
        let failure = machine.life().setup(&scope(None), &any()).unwrap_err();
        let told = failure.to_string();
        assert!(
            told.contains("https://claude.ai/settings/claude-code"),
            "{told}"
        );
        assert!(told.contains("the configuration is as it was"), "{told}");
        assert!(told.contains("nothing of it is left in the fake"), "{told}");
        assert!(!told.contains("sk-ant"), "{told}");
        assert!(machine.kept().is_empty(), "{trouble:?}");
        assert!(machine.record(&scope(None)).is_empty(), "{trouble:?}");
        if trouble != Trouble::Edited {
            assert_eq!(machine.text(), CONFIG);
        }
    }
}

#[test]
fn scenario_64_an_item_of_the_user_s_is_kept_whatever_fails() {
    let machine = StandIn::new();
    machine.adopted.set(true);
    machine.trouble.set(Trouble::Altered);
    let failure = machine.life().setup(&scope(None), &any()).unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("helper:fake/item is yours, and was left as it now is")
    );
    assert_eq!(machine.kept().len(), 1);
    assert_eq!(machine.text(), CONFIG);
    assert!(machine.record(&scope(None)).is_empty());
}

#[test]
fn scenario_63_what_cannot_be_removed_is_named_and_goes_with_the_next_run() {
    let machine = StandIn::new();
    machine.trouble.set(Trouble::Altered);
    let life = machine.life();
    // The fake has one trouble at a time: kept by a kill, and healed later.
    assert!((0..20).any(|moment| {
        machine.killed_at(moment, |life| {
            let _ = life.setup(&scope(None), &any());
        }) && machine.record(&scope(None)).orphans.len() == 1
            && machine.kept().len() == 1
    }));
    machine.trouble.set(Trouble::Remove);
    machine.steps.borrow_mut().clear();
    life.setup(&scope(None), &any()).unwrap();
    let told = machine.told();
    assert!(
        told.contains("which an earlier run had left, stays: the fake refuses"),
        "{told}"
    );
    assert_eq!(machine.kept().len(), 2);
    machine.trouble.set(Trouble::None);
    machine
        .life()
        .rotate(&scope(None), &Given::default())
        .unwrap();
    assert!(
        machine
            .told()
            .contains("which an earlier run had left, is gone")
    );
    assert_eq!(machine.kept().len(), 1);
}

#[test]
fn scenario_65_rotate_removes_the_old_place_when_it_is_ours() {
    let machine = wired();
    let rotated = machine
        .life()
        .rotate(&scope(None), &Given::default())
        .unwrap();
    assert!(
        matches!(rotated.old, OldPlace::Ours(_, Fate::Removed)),
        "{rotated:?}"
    );
    assert_eq!(machine.kept().into_values().collect::<Vec<_>>(), ["2"]);
    assert!(machine.record(&scope(None)).orphans.is_empty());
}

#[test]
fn scenario_65_rotate_leaves_alone_what_is_not_ours() {
    let machine = StandIn::with(&format!(
        "{CONFIG}[workspaces.a.claude]\ntoken = \"$MINE\"\napi_key = \"$KEY\"\n"
    ));
    let rotated = machine
        .life()
        .rotate(&scope(None), &Given::default())
        .unwrap();
    assert!(matches!(&rotated.old, OldPlace::Users(source) if source == "$MINE"));
    let text = machine.text();
    assert!(
        !text.contains("$MINE") && text.contains("api_key = \"$KEY\""),
        "{text}"
    );

    let machine = StandIn::new();
    machine.adopted.set(true);
    machine.life().setup(&scope(None), &any()).unwrap();
    let rotated = machine
        .life()
        .rotate(&scope(None), &Given::default())
        .unwrap();
    assert!(matches!(rotated.old, OldPlace::Same), "{rotated:?}");
    assert_eq!(machine.token_of(&scope(None)).as_deref(), Some("2"));
}

#[test]
fn scenario_65_an_old_place_that_cannot_be_removed_stays_known() {
    let machine = wired();
    machine.trouble.set(Trouble::Remove);
    let rotated = machine
        .life()
        .rotate(&scope(None), &Given::default())
        .unwrap();
    assert!(
        matches!(rotated.old, OldPlace::Ours(_, Fate::Stays(_))),
        "{rotated:?}"
    );
    assert_eq!(machine.token_of(&scope(None)).as_deref(), Some("2"));
    assert_eq!(machine.record(&scope(None)).orphans.len(), 1);
}

#[test]
fn a_rotation_that_fails_leaves_the_old_token_as_it_was() {
    for trouble in [Trouble::Mint, Trouble::PutAfterAll, Trouble::Altered] {
        let machine = wired();
        let (text, record) = (machine.text(), machine.record(&scope(None)));
        machine.trouble.set(trouble);
        machine
            .life()
            .rotate(&scope(None), &Given::default())
            .unwrap_err();
        assert_eq!(machine.text(), text);
        assert_eq!(machine.record(&scope(None)), record);
        assert_eq!(machine.kept().into_values().collect::<Vec<_>>(), ["1"]);
    }
}

#[test]
fn what_is_not_wired_is_not_rotated() {
    let machine = wired();
    let failure = machine
        .life()
        .rotate(&scope(Some("web")), &Given::default());
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, Kind::Usage);
    assert_snapshot!(failure, @r"
    workspace a × role web has no token of its own to replace
      mint its first: docker jackin workspace claude-token setup a --role web
    ");
}

#[test]
fn a_plain_token_goes_from_the_configuration_with_its_successor() {
    let machine = StandIn::new();
    machine.plain.set(true);
    machine.life().setup(&scope(None), &any()).unwrap();
    assert_eq!(machine.token_of(&scope(None)).as_deref(), Some("1"));
    machine.plain.set(false);
    let rotated = machine
        .life()
        .rotate(&scope(None), &Given::default())
        .unwrap();
    assert!(
        matches!(rotated.old, OldPlace::Configuration),
        "{rotated:?}"
    );
    assert!(!machine.text().contains("sk-ant"));
    assert!(machine.record(&scope(None)).orphans.is_empty());
}

#[test]
fn scenario_66_revoke_deletes_only_what_is_ours_and_in_a_store() {
    let plain = format!("{CONFIG}[workspaces.a.claude]\noauth_token = \"sk-ant-canary\"\n");
    let mine = format!("{CONFIG}[workspaces.a.claude]\noauth_token = \"$MINE\"\n");
    for (text, why) in [
        (plain.as_str(), "stands in the configuration itself"),
        (
            mine.as_str(),
            "$MINE, where the token of workspace a is, was not made by us",
        ),
        (CONFIG, "workspace a has no token of its own to delete"),
    ] {
        let machine = StandIn::with(text);
        let failure = machine.life().revoke(&scope(None), true).unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        let told = failure.to_string();
        assert!(told.contains(why) && !told.contains("canary"), "{told}");
        assert_eq!(
            (machine.text(), machine.told()),
            (text.to_owned(), String::new())
        );
    }
}

#[test]
fn scenario_66_a_removal_that_fails_saves_nothing() {
    let machine = wired();
    let (text, record) = (machine.text(), machine.record(&scope(None)));
    machine.trouble.set(Trouble::Remove);
    let failure = machine.life().revoke(&scope(None), true).unwrap_err();
    let told = without_ids(&machine, &failure.to_string());
    assert_snapshot!(told, @r"
    helper:fake/ID cannot be removed: the fake refuses
      remove it yourself: printf %s ID | docker-credential-fake erase
      the token is wired as it was
    ");
    assert_eq!(
        (machine.text(), machine.record(&scope(None))),
        (text, record)
    );
}

#[test]
fn revoke_without_delete_leaves_the_place_and_can_be_asked_again() {
    let machine = wired();
    let revoked = machine.life().revoke(&scope(None), false).unwrap();
    assert!(matches!(&revoked.items[..], [item] if item.fate.is_none()));
    assert_eq!(machine.kept().len(), 1);
    assert!(
        machine
            .text()
            .ends_with("[workspaces.a.claude]\nauth_forward = \"ignore\"\n")
    );
    // A token set up since then does not take away what the user wanted kept.
    machine.life().setup(&scope(None), &any()).unwrap();
    assert_eq!(machine.kept().len(), 2);
    machine.life().revoke(&scope(None), true).unwrap();
    assert!(machine.kept().is_empty());
    assert!(machine.record(&scope(None)).is_empty());
}

#[test]
fn scenario_69_a_source_that_is_reused_has_no_dates_and_is_the_user_s() {
    let machine = StandIn::new();
    let give = |text: &str| Written::Text(text.into());
    let failure = machine.life().reuse(&scope(None), &give("no-token-canary"));
    let failure = failure.unwrap_err().to_string();
    assert!(failure.contains("gives no long-lived token"), "{failure}");
    assert!(!failure.contains("canary"));
    assert_eq!(machine.text(), CONFIG);
    let token = super::stand_in::token("7");
    let text = secrecy::ExposeSecret::expose_secret(token.secret());
    let done = machine.life().reuse(&scope(None), &give(text)).unwrap();
    assert_eq!((done.issued, done.expires, done.store), (None, None, None));
    let wired = machine.record(&scope(None)).token.unwrap();
    assert_eq!((wired.made, wired.expires), (Made::Adopted, None));
    assert_eq!(wired.fingerprint, token.fingerprint());
}

const THREE: &str = "\
[workspaces.a]
[workspaces.b]
[workspaces.c.claude]
auth_forward = \"oauth_token\"
oauth_token = \"$C\"
[workspaces.d.claude]
auth_forward = \"sync\"
oauth_token = \"$D\"
";

fn words(all: &super::All) -> Vec<String> {
    let rows = all.rows.iter().map(|row| {
        let result = match &row.result {
            RowResult::Done(_) => "done",
            RowResult::Had(_) => "had",
            RowResult::Failed(_) => "failed",
            RowResult::NotBegun => "not begun",
        };
        format!("{} {result}", row.workspace)
    });
    rows.collect()
}

#[test]
fn scenario_70_all_goes_on_after_a_failure_and_can_be_run_again() {
    let machine = StandIn::with(THREE);
    let all = machine.life().setup_all(&any(), false).unwrap();
    assert_eq!(words(&all), ["a done", "b done", "c had", "d failed"]);
    let told = machine.told();
    assert!(
        told.starts_with("[1/3] a\n") && told.contains("\n[2/3] b\n"),
        "{told}"
    );
    let (text, kept) = (machine.text(), machine.kept());
    let all = machine.life().setup_all(&any(), false).unwrap();
    assert_eq!(words(&all), ["a had", "b had", "c had", "d failed"]);
    assert_eq!((machine.text(), machine.kept()), (text, kept));
}

#[test]
fn scenario_70_one_that_fails_does_not_stop_those_after_it() {
    let first = "[workspaces.a.claude]\nauth_forward = \"sync\"\noauth_token = \"$A\"\n";
    let machine = StandIn::with(&format!("{first}[workspaces.b]\n[workspaces.c]\n"));
    let all = machine.life().setup_all(&any(), false).unwrap();
    assert_eq!(words(&all), ["a failed", "b done", "c done"]);
    assert!(all.ended.is_none());
}

#[test]
fn scenario_70_who_ends_it_is_told_what_was_done() {
    let machine = StandIn::with(THREE);
    machine.trouble.set(Trouble::Interrupted);
    let all = machine.life().setup_all(&any(), false).unwrap();
    assert_eq!(
        words(&all),
        ["a failed", "b not begun", "c had", "d not begun"]
    );
    assert_eq!(all.ended.unwrap().exit_code(), 130);
}

#[test]
fn scenario_70_a_shared_token_stays_until_nobody_uses_it() {
    let machine = StandIn::with(THREE);
    let all = machine.life().setup_all(&any(), true).unwrap();
    assert_eq!(words(&all), ["a done", "b done", "c had", "d failed"]);
    assert_eq!(machine.kept().into_values().collect::<Vec<_>>(), ["1"]);
    let b = crate::token::TokenScope {
        workspace: "b".to_owned(),
        role: None,
    };
    assert_eq!(machine.record(&b).token, machine.record(&scope(None)).token);
    let failure = machine.life().revoke(&b, true).unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("is used by oauth_token of workspace a, too")
    );
    let rotated = machine
        .life()
        .rotate(&scope(None), &Given::default())
        .unwrap();
    assert!(matches!(&rotated.old, OldPlace::Ours(_, Fate::InUse(by))
        if by == "oauth_token of workspace b"));
    assert_eq!(machine.token_of(&b).as_deref(), Some("1"));
    machine.life().rotate(&b, &Given::default()).unwrap();
    assert_eq!(machine.kept().into_values().collect::<Vec<_>>().len(), 2);
    assert_eq!(machine.token_of(&b).as_deref(), Some("3"));
}
