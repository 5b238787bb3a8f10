//! 1Password, by a stand-in that refuses what the real one would misunderstand.

use insta::assert_snapshot;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::machine::scene::{
    MY_ACCOUNT, MY_PRIVATE, MY_SHARED, SERVICE_TOKEN, WORK_ACCOUNT, WORK_PRIVATE, WORK_SHARED,
    WORK_USER,
};
use super::machine::{Machine, label, token};
use super::*;
use crate::source::{Shell, Wanted, read_all};

const SCOPE: [(&str, Option<&str>); 1] = [("my-app", None)];

fn in_work() -> OpWish {
    OpWish {
        account: Some("work.1password.com".to_owned()),
        ..OpWish::default()
    }
}

fn item(id: &str, fields: &Value) -> Value {
    json!({ "id": id, "title": "Mine", "category": "API_CREDENTIAL", "tags": ["mine"], "fields": fields })
}

/// What a user's item holds beside the field.
fn fields(value: &str) -> Value {
    json!([
        { "id": "notesPlain", "type": "STRING", "purpose": "NOTES", "label": "notesPlain" },
        { "id": "credential", "type": "CONCEALED", "label": "Anmeldedaten", "value": value },
        { "id": "other", "type": "CONCEALED", "label": "other", "value": "kept ü \"quoted\"" },
        { "id": "empty", "type": "STRING", "label": "empty" },
        {
            "id": "deep", "type": "CONCEALED", "label": "token", "value": "old",
            "section": { "id": "sec", "label": "Section" }
        },
    ])
}

fn adopt(field: Option<&str>) -> OpWish {
    OpWish {
        item: Some("mineaaaaaaaaaaaaaaaaaaaaaa".to_owned()),
        field: field.map(str::to_owned),
        ..in_work()
    }
}

fn refused(wish: &OpWish, host: &Host) -> String {
    let failure = OpStore::open(wish, host).err().expect("it is refused");
    failure.to_string()
}

fn read(kept: &Kept, host: &Host) -> String {
    let value = crate::config::Value {
        written: kept.reference().unwrap(),
        line: 1,
    };
    let wanted = Wanted {
        value: &value,
        delivered_as: "A",
        shell: Shell::Live(host),
        at_launch: None,
    };
    match read_all(host, &[wanted]).pop().unwrap() {
        Ok(value) => value.expose_secret().to_owned(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn scenario_63_a_token_goes_into_a_new_item_of_the_named_account() {
    let machine = Machine::new();
    let host = machine.host(&[
        ("OP_SERVICE_ACCOUNT_TOKEN", SERVICE_TOKEN),
        ("OP_FORMAT", "json"),
    ]);
    let store = OpStore::open(&in_work(), &host).unwrap();
    assert_eq!(
        store.shown(),
        "1Password, vault Private of work.1password.com"
    );
    assert_eq!(store.made(), Made::Ours);
    assert_eq!(machine.scene.writes(), [""; 0]);
    let label = label(&[("my-app", None), ("a,b/c", Some("web"))]);
    let kept = store.put(&label, &token('a')).unwrap();
    let Kept::Op {
        account,
        vault,
        item,
        field,
    } = &kept
    else {
        panic!()
    };
    assert_eq!(account.as_deref(), Some(WORK_ACCOUNT));
    assert_eq!(
        (vault.as_deref(), &**field),
        (Some(WORK_PRIVATE), "credential")
    );
    assert_eq!(read(&kept, &host), token('a').secret().expose_secret());
    let made = machine.scene.kept(item).unwrap();
    assert_eq!(made["account"], WORK_ACCOUNT);
    let made = &made["item"];
    assert_eq!(
        made["title"],
        "Claude token of workspace my-app and 1 more 0123456789ab"
    );
    assert_eq!(
        made["tags"],
        json!([
            "docker-jackin",
            "docker-jackin/expires/2027-11-23",
            "docker-jackin/issued/2026-11-23",
            "docker-jackin/mint/0123456789ab",
            "docker-jackin/role/web",
            "docker-jackin/workspace/a_b_c",
            "docker-jackin/workspace/my-app",
        ])
    );
    assert_snapshot!(made["fields"][1]["value"].as_str().unwrap(), @r"
    A long-lived token of Claude, minted and wired by docker jackin.

    For: workspace my-app
    For: workspace a,b/c × role web
    Issued: 2026-11-23
    Expires: 2027-11-23
    SHA-256: d959d7f7b831…

    To replace it by a new one:
    docker jackin workspace claude-token rotate my-app
    ");
    assert_eq!(
        machine.scene.writes(),
        [format!(
            "item create - --format=json --vault={WORK_PRIVATE} --account={WORK_ACCOUNT}"
        )]
    );
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_63_a_service_account_keeps_it_in_the_vault_that_it_sees() {
    let machine = Machine::new();
    machine.scene.service_account(&[WORK_SHARED]);
    let host = machine.host(&[("OP_SERVICE_ACCOUNT_TOKEN", SERVICE_TOKEN)]);
    let store = OpStore::open(&OpWish::default(), &host).unwrap();
    assert_eq!(
        store.shown(),
        "1Password, vault Shared of the service account"
    );
    let kept = store.put(&label(&SCOPE), &token('a')).unwrap();
    assert!(
        matches!(&kept, Kept::Op { account: None, vault: Some(vault), .. } if vault == WORK_SHARED)
    );
    assert_eq!(read(&kept, &host), token('a').secret().expose_secret());
    remove(&kept, &host).unwrap();
    assert_eq!(machine.scene.all_kept().len(), 0);
    machine.scene.service_account(&[WORK_SHARED, MY_SHARED]);
    assert_snapshot!(refused(&OpWish::default(), &host), @r"
    1Password has 2 vaults in the service account, and none was named
      --vault=mysharedaaaaaaaaaaaaaaaaaa: Shared
      --vault=worksharedaaaaaaaaaaaaaaaa: Shared
    ");
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_15_vaults_and_accounts_are_told_apart_or_asked_for() {
    let machine = Machine::new();
    let host = machine.host(&[]);
    assert_snapshot!(refused(&OpWish::default(), &host), @r"
    1Password has several accounts on this machine, and none was named
      --account=MYUSERAAAAAAAAAAAAAAAAAAAA: my.1password.com (me@example.com)
      --account=WORKUSERAAAAAAAAAAAAAAAAAA: work.1password.com (me@work.example)
    ");
    let vault = |vault: &str| OpWish {
        vault: Some(vault.to_owned()),
        ..in_work()
    };
    let store = OpStore::open(&vault("shared"), &host).unwrap();
    assert_eq!(
        store.shown(),
        "1Password, vault Shared of work.1password.com"
    );
    let store = OpStore::open(&vault(WORK_SHARED), &host).unwrap();
    assert_eq!(
        store.shown(),
        "1Password, vault Shared of work.1password.com"
    );
    assert_snapshot!(refused(&vault(MY_SHARED), &host), @r"
    failed to find vault mysharedaaaaaaaaaaaaaaaaaa in work.1password.com: 1Password has no such vault in this account
      `op vault list` shows the vaults; `--account` names another account
      --vault=workprivateaaaaaaaaaaaaaaa: Private
      --vault=worksharedaaaaaaaaaaaaaaaa: Shared
    ");
    let nobody = OpWish {
        account: Some("nobody".into()),
        ..OpWish::default()
    };
    assert_snapshot!(refused(&nobody, &host), @r"
    failed to choose an account of 1Password: 1Password knows no such account on this machine
      `op account list` shows the accounts; name one with `--account`
    ");
    // A shell may say which account is meant, too.
    let host = machine.host(&[("OP_ACCOUNT", WORK_USER)]);
    let store = OpStore::open(&OpWish::default(), &host).unwrap();
    assert_eq!(
        store.shown(),
        "1Password, vault Private of work.1password.com"
    );
    machine.scene.accounts(&json!([{
        "url": "my.1password.com", "email": "", "user_uuid": "U", "account_uuid": MY_ACCOUNT,
        "vaults": [{ "id": "one", "name": "Two" }, { "id": "two", "name": "two" }, { "id": "x", "name": "X" }],
    }]));
    let host = machine.host(&[]);
    let named = OpWish {
        vault: Some("TWO".into()),
        ..OpWish::default()
    };
    assert_snapshot!(refused(&named, &host), @r"
    several vaults of 1Password are named TWO in my.1password.com
      --vault=one: Two
      --vault=two: two
    ");
    assert_snapshot!(refused(&OpWish::default(), &host), @r"
    1Password has 3 vaults in my.1password.com, and none was named
      --vault=one: Two
      --vault=two: two
      --vault=x: X
    ");
    let user = |user: &str, email: &str| {
        json!({
            "url": "my.1password.com", "email": email, "user_uuid": user, "account_uuid": MY_ACCOUNT,
            "vaults": [{ "id": "one", "name": "Private" }],
        })
    };
    machine
        .scene
        .accounts(&json!([user("U1", "a@x"), user("U2", "b@x")]));
    let named = |account: &str| OpWish {
        account: Some(account.to_owned()),
        ..OpWish::default()
    };
    assert_snapshot!(refused(&named("https://my.1password.com/"), &host), @r"
    several accounts of 1Password are meant by https://my.1password.com/
      --account=U1: my.1password.com (a@x)
      --account=U2: my.1password.com (b@x)
    ");
    let store = OpStore::open(&named("b@x"), &host).unwrap();
    let kept = store.announce(&label(&SCOPE));
    assert!(matches!(kept, Kept::Op { account: Some(account), .. } if account == "U2"));
    machine.scene.accounts(&json!([]));
    assert_snapshot!(refused(&OpWish::default(), &host), @r"
    failed to choose an account of 1Password: not signed in to 1Password
      run `op signin`, or turn on Settings > Developer > Integrate with 1Password CLI in its app
    ");
    assert_eq!(machine.scene.writes(), [""; 0]);
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_63_what_refuses_the_token_is_found_before_it_is_minted() {
    let machine = Machine::new();
    let host = machine.host(&[]);
    machine.scene.accounts(&json!([{
        "url": "my.1password.com", "email": "", "user_uuid": "U", "account_uuid": MY_ACCOUNT,
        "vaults": [{ "id": MY_PRIVATE, "name": "Private", "read": true }, { "id": "x", "name": "X" }],
    }]));
    assert_snapshot!(refused(&OpWish::default(), &host), @r"
    failed to keep a token in vault Private of my.1password.com: this account of 1Password may not do that
      let the account write to the vault, or name another with `--vault`
    ");
    let connect = machine.host(&[("OP_CONNECT_HOST", "x"), ("OP_CONNECT_TOKEN", "x")]);
    assert_snapshot!(refused(&OpWish::default(), &connect), @r"
    OP_CONNECT_HOST and OP_CONNECT_TOKEN are set, and `op` writes nothing through a Connect server
      name an account with `--account`, or unset OP_CONNECT_HOST and OP_CONNECT_TOKEN
    ");
    let named = OpWish {
        account: Some(MY_ACCOUNT.into()),
        vault: Some("x".into()),
        ..OpWish::default()
    };
    assert!(OpStore::open(&named, &connect).is_ok());
    for (rule, said) in [
        ("not-signed-in", "not signed in to 1Password"),
        (
            "dismissed",
            "the request was not approved in 1Password's app",
        ),
        (
            "prompt-timeout",
            "the request was not approved in 1Password's app",
        ),
        ("no-app", "1Password's app cannot be reached"),
        (
            "rate-limited",
            "1Password refuses further requests for a while",
        ),
        (
            "unauthorized: vault list",
            "this account of 1Password may not do that",
        ),
    ] {
        machine.scene.behave(&[rule]);
        let said = format!("failed to list the vaults of 1Password: {said}\n  ");
        let refused = refused(&OpWish::default(), &host);
        assert!(refused.starts_with(&said), "{rule}: {refused}");
    }
    machine.scene.behave(&["old: --version"]);
    assert_snapshot!(refused(&OpWish::default(), &host), @r"
    1Password's `op` is of version 2.29, and 2.30 or later is wanted
      update it: https://developer.1password.com/docs/cli/get-started
    ");
    let nowhere = Host::new("/", "/", [("PATH".to_owned(), "/nowhere".to_owned())]);
    assert_snapshot!(refused(&OpWish::default(), &nowhere), @r"
    failed to find 1Password: 1Password's command line `op` is not in PATH
      install `op`: https://developer.1password.com/docs/cli/get-started
    ");
    assert_eq!(machine.scene.writes(), [""; 0]);
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_63_a_refusal_to_keep_it_never_repeats_what_op_says() {
    let machine = Machine::new();
    let host = machine.host(&[]);
    let store = OpStore::open(&in_work(), &host).unwrap();
    let told: Vec<_> = ["forbidden", "odd", "print-nothing", "store-other"]
        .into_iter()
        .map(|rule| {
            machine.scene.behave(&[&format!("{rule}: item create")]);
            let failure = store.put(&label(&SCOPE), &token('a')).unwrap_err();
            let told = format!("{failure} {failure:?}");
            assert!(
                !told.contains("sk-ant-") && !told.contains("canary"),
                "{told}"
            );
            failure.to_string()
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r"
    failed to keep the token in vault Private of work.1password.com: this account of 1Password may not do that
      let the account write to the vault, or name another with `--vault`
    failed to keep the token in vault Private of work.1password.com: it failed (exit status: 1)
      it is not repeated here what `op` said, since that may hold the token; see whether `op vault list` works
    failed to keep the token in vault Private of work.1password.com: the answer of `op` is not what it was asked for
      update `op`: 2.30 or later is wanted
    failed to keep the token in vault Private of work.1password.com: `op` reports success, and shows another value than it was given
      update `op`: 2.30 or later is wanted
    ");
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_64_the_user_s_item_keeps_all_but_the_one_value() {
    for rules in [&[][..], &["merge"]] {
        for (field, path, before) in [
            (None, "credential", "old ü"),
            (Some("anmeldedaten"), "credential", "old ü"),
            (Some("token"), "sec/deep", "old ü"),
            (Some("sec/deep"), "sec/deep", "old ü"),
        ] {
            let machine = Machine::new();
            machine.scene.behave(rules);
            let host = machine.host(&[]);
            let id = adopt(None).item.unwrap();
            machine
                .scene
                .item(WORK_ACCOUNT, WORK_SHARED, &item(&id, &fields(before)));
            let store = OpStore::open(&adopt(field), &host).unwrap();
            assert_eq!(store.made(), Made::Adopted);
            assert_eq!(
                store.shown(),
                "1Password, item Mine in vault Shared of work.1password.com"
            );
            let kept = store.put(&label(&SCOPE), &token('b')).unwrap();
            assert_eq!(kept, store.announce(&label(&SCOPE)));
            assert_eq!(read(&kept, &host), token('b').secret().expose_secret());
            let after = machine.scene.kept(&id).unwrap()["item"].clone();
            let mut expected = fields(before);
            // Every item has a note, and an empty one is not sent back.
            expected
                .as_array_mut()
                .unwrap()
                .retain(|field| field["purpose"] != "NOTES");
            for field in expected.as_array_mut().unwrap() {
                if path.ends_with(field["id"].as_str().unwrap()) {
                    field["value"] = json!(token('b').secret().expose_secret());
                }
            }
            let mut found = after["fields"].clone();
            found
                .as_array_mut()
                .unwrap()
                .retain(|field| field["purpose"] != "NOTES");
            assert_eq!(found, expected, "{path}");
            assert_eq!(
                (&after["tags"], &after["title"]),
                (&json!(["mine"]), &json!("Mine"))
            );
            machine.scene.assert_no_surprise();
        }
    }
}

#[test]
fn scenario_64_an_edit_that_changes_nothing_is_no_success() {
    let machine = Machine::new();
    let host = machine.host(&[]);
    let id = adopt(None).item.unwrap();
    machine
        .scene
        .item(WORK_ACCOUNT, WORK_SHARED, &item(&id, &fields("old")));
    let store = OpStore::open(&adopt(None), &host).unwrap();
    let told: Vec<_> = [
        "do-nothing: item edit",
        "forbidden: item edit",
        "odd: item edit",
        "print-nothing",
    ]
    .into_iter()
    .map(|rule| {
        machine.scene.behave(&[rule]);
        store
            .put(&label(&SCOPE), &token('b'))
            .unwrap_err()
            .to_string()
    })
    .collect();
    assert_snapshot!(told.join("\n"), @r"
    failed to keep the token in item Mine of 1Password: `op` reports success, and shows another value than it was given
      update `op`: 2.30 or later is wanted
    failed to keep the token in item Mine of 1Password: this account of 1Password may not do that
      let the account write to the vault, or name another with `--vault`
    failed to keep the token in item Mine of 1Password: it failed (exit status: 1)
      it is not repeated here what `op` said, since that may hold the token; see whether `op vault list` works
    failed to keep the token in item Mine of 1Password: the answer of `op` is not what it was asked for
      update `op`: 2.30 or later is wanted
    ");
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_64_an_item_that_an_edit_could_harm_is_refused() {
    let machine = Machine::new();
    let host = machine.host(&[]);
    let id = |number: u8| format!("item{number}aaaaaaaaaaaaaaaaaaaaa");
    let put = |number: u8, category: &str, title: &str, more: &Value| {
        let mut item = json!({ "id": id(number), "title": title, "category": category, "fields": fields("old") });
        item.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        machine.scene.item(WORK_ACCOUNT, WORK_SHARED, &item);
    };
    put(1, "LOGIN", "Login", &json!({}));
    put(2, "SSH_KEY", "Key", &json!({}));
    put(3, "API_CREDENTIAL", "Old", &json!({ "archived": true }));
    put(4, "API_CREDENTIAL", "Twice", &json!({}));
    put(5, "API_CREDENTIAL", "Twice", &json!({}));
    put(
        6,
        "PASSWORD",
        "Plain",
        &json!({ "fields": [
        { "id": "password", "type": "CONCEALED", "purpose": "PASSWORD", "label": "password", "value": "x" },
        { "id": "shown", "type": "STRING", "label": "shown", "value": "x" },
        { "id": "a", "type": "CONCEALED", "label": "same", "value": "x" },
        { "id": "b", "type": "CONCEALED", "label": "same", "value": "x" },
    ] }),
    );
    put(
        7,
        "API_CREDENTIAL",
        "Files",
        &json!({ "files": [{ "id": "f", "name": "a.txt" }] }),
    );
    let told: Vec<_> = [
        ("Files", None),
        ("Login", None),
        ("Key", None),
        (&*id(3), None),
        ("Old", None),
        ("Twice", None),
        ("Nowhere", None),
        ("Plain", None),
        ("Plain", Some("shown")),
        ("Plain", Some("same")),
    ]
    .into_iter()
    .map(|(item, field)| {
        let wish = OpWish {
            item: Some(item.to_owned()),
            ..adopt(field)
        };
        refused(&wish, &host)
    })
    .collect();
    assert_snapshot!(told.join("\n"), @r"
    item Files of 1Password cannot hold the token: an edit could lose the files that are attached to it
      leave `--item` away: a new item is made then, and yours stays as it is
    item Login of 1Password cannot hold the token: an edit could lose what an item of the category LOGIN holds beside its fields
      leave `--item` away: a new item is made then, and yours stays as it is
    item Key of 1Password cannot hold the token: an edit could lose what an item of the category SSH_KEY holds beside its fields
      leave `--item` away: a new item is made then, and yours stays as it is
    item Old of 1Password cannot hold the token: it is archived
      leave `--item` away: a new item is made then, and yours stays as it is
    failed to find item Old: 1Password has no such item in this vault
      `op item list` shows the items with their vaults
    failed to find item Twice: several items or vaults of 1Password have this name
      --item=item4aaaaaaaaaaaaaaaaaaaaa
      --item=item5aaaaaaaaaaaaaaaaaaaaa
    failed to find item Nowhere: 1Password has no such item in this vault
      `op item list` shows the items with their vaults
    item Plain of 1Password has no field credential
      --field=password: password
      --field=a: same
      --field=b: same
    the field shown of item Plain is no concealed one, and would show the token
      --field=password: password
      --field=a: same
      --field=b: same
    item Plain of 1Password has several fields same
      --field=a: same
      --field=b: same
    ");
    assert_eq!(machine.scene.writes(), [""; 0]);
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_65_only_what_is_ours_is_removed_and_in_its_own_account() {
    let machine = Machine::new();
    let host = machine.host(&[("OP_SERVICE_ACCOUNT_TOKEN", SERVICE_TOKEN)]);
    let store = OpStore::open(&in_work(), &host).unwrap();
    let kept = store.put(&label(&SCOPE), &token('a')).unwrap();
    let Kept::Op { item: id, .. } = &kept else {
        panic!()
    };
    machine
        .scene
        .item(WORK_ACCOUNT, WORK_PRIVATE, &item("theirs", &fields("x")));
    let theirs = Kept::Op {
        account: Some(WORK_ACCOUNT.into()),
        vault: Some(WORK_PRIVATE.into()),
        item: "theirs".into(),
        field: "credential".into(),
    };
    assert_snapshot!(remove(&theirs, &host).unwrap_err(), @r"
    failed to remove item theirs of 1Password: it is not tagged docker-jackin, and so not ours to remove
      look at it in 1Password, and remove it there if you want to
    ");
    // The other account has no such vault: that is not "gone".
    let elsewhere = Kept::Op {
        account: Some(MY_ACCOUNT.into()),
        vault: Some(WORK_PRIVATE.into()),
        item: id.clone(),
        field: "credential".into(),
    };
    assert!(remove(&elsewhere, &host).is_err());
    for rule in [
        "do-nothing: item delete",
        "forbidden: item delete",
        "not-signed-in",
        "odd: item get",
    ] {
        machine.scene.behave(&[rule]);
        assert!(remove(&kept, &host).is_err(), "{rule}");
        assert!(machine.scene.kept(id).is_some());
    }
    machine.scene.behave(&[]);
    machine.scene.forget_calls();
    remove(&kept, &host).unwrap();
    assert_eq!(
        machine.scene.writes(),
        [format!(
            "item delete {id} --vault={WORK_PRIVATE} --account={WORK_ACCOUNT}"
        )]
    );
    assert!(machine.scene.kept(id).is_none());
    remove(&kept, &host).unwrap();
    assert_eq!(machine.scene.all_kept().len(), 1);
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_63_what_a_kill_left_behind_is_found_by_its_minting() {
    let machine = Machine::new();
    let host = machine.host(&[]);
    let wish = OpWish {
        item_name: Some(" My token ".into()),
        ..in_work()
    };
    let store = OpStore::open(&wish, &host).unwrap();
    let announced = store.announce(&label(&SCOPE));
    remove(&announced, &host).unwrap();
    machine.scene.behave(&["print-nothing: item create"]);
    store.put(&label(&SCOPE), &token('a')).unwrap_err();
    assert_eq!(
        machine.scene.all_kept()[0]["item"]["title"],
        "My token 0123456789ab"
    );
    machine.scene.behave(&[]);
    let mut other = label(&SCOPE);
    other.mint = "ba9876543210".to_owned();
    store.put(&other, &token('b')).unwrap();
    remove(&announced, &host).unwrap();
    let left = machine.scene.all_kept();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["item"]["title"], "My token ba9876543210");
    machine.scene.assert_no_surprise();
}

#[test]
fn scenario_65_the_command_that_removes_it_can_be_pasted_into_a_shell() {
    let kept = |item: &str| Kept::Op {
        account: Some(WORK_ACCOUNT.into()),
        vault: Some("it's".into()),
        item: item.into(),
        field: "credential".into(),
    };
    assert_snapshot!(removal_command(&kept("abc")).unwrap(), @r"op item delete abc --vault='it'\''s' --account=WORKACCOUNTAAAAAAAAAAAAAAA");
    assert_snapshot!(removal_command(&kept("My token 0123456789ab")).unwrap(), @r"op item list --tags=docker-jackin/mint/0123456789ab --vault='it'\''s' --account=WORKACCOUNTAAAAAAAAAAAAAAA --format=json | op item delete - --vault='it'\''s' --account=WORKACCOUNTAAAAAAAAAAAAAAA");
    assert_eq!(removal_command(&kept("My token")), None);
    assert_eq!(removal_command(&Kept::Plain), None);
}

#[test]
fn auto_takes_1password_only_where_it_can_be_used_without_a_word() {
    let machine = Machine::new();
    let host = machine.host(&[]);
    let probed = |wish: &OpWish, host: &Host| probe(wish, host).map_err(|failure| failure.message);
    assert_eq!(probed(&in_work(), &host), Ok(()));
    assert_snapshot!(probed(&OpWish::default(), &host).unwrap_err(), @"1Password has several accounts on this machine, and none was named");
    let service = machine.host(&[("OP_SERVICE_ACCOUNT_TOKEN", SERVICE_TOKEN)]);
    assert_eq!(probed(&OpWish::default(), &service), Ok(()));
    // One that was added by hand is asked for its session; the app's is not.
    machine.scene.behave(&["not-signed-in"]);
    assert_eq!(probed(&in_work(), &host), Ok(()));
    machine.scene.accounts(&json!([{
        "url": "my.1password.com", "email": "", "user_uuid": "U", "account_uuid": "A",
        "shorthand": "my", "vaults": [],
    }]));
    assert_snapshot!(probed(&OpWish::default(), &host).unwrap_err(), @"failed to see whether 1Password is signed in: not signed in to 1Password");
    machine.scene.behave(&["slow: whoami"]);
    let begun = std::time::Instant::now();
    assert!(probed(&OpWish::default(), &host).is_err());
    assert!(begun.elapsed().as_secs() < 10);
    machine.scene.accounts(&json!([]));
    assert_snapshot!(probed(&OpWish::default(), &host).unwrap_err(), @"failed to choose an account of 1Password: not signed in to 1Password");
    machine.scene.assert_no_surprise();
}

#[test]
fn what_cannot_be_meant_together_is_refused_at_once() {
    let host = Host::new("/", "/", []);
    let text = |text: &str| Some(text.to_owned());
    for wish in [
        OpWish {
            field: text("x"),
            ..OpWish::default()
        },
        OpWish {
            item: text("x"),
            item_name: text("y"),
            ..OpWish::default()
        },
        OpWish {
            item: text("-x"),
            ..OpWish::default()
        },
        OpWish {
            vault: text(" "),
            ..OpWish::default()
        },
        OpWish {
            item_name: text("a\nb"),
            ..OpWish::default()
        },
    ] {
        let failure = OpStore::open(&wish, &host).err().unwrap();
        assert_eq!(failure.kind, Kind::Usage, "{failure}");
    }
}
