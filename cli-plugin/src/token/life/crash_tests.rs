//! A kill between any two steps leaves the old state or the new one, and what
//! it leaves in a store is known by name; the next run clears it away.

use proptest::bool::ANY;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_oneof, proptest};

use super::slot::slot_identity;
use super::stand_in::{CONFIG, StandIn, Trouble, any, scope};
use super::uses::uses;
use super::{Given, Life};
use crate::token::TokenScope;
use crate::token::store::Kept;

/// What is in the store and neither used nor known is lost for ever.
fn nothing_is_lost(machine: &StandIn, scopes: &[TokenScope], moment: u32) {
    let config = machine.config();
    for server in machine.kept().into_keys() {
        let kept = Kept::Helper {
            name: "fake".to_owned(),
            server,
        };
        let known = scopes.iter().any(|scope| {
            let record = machine.record(scope);
            // A token that was unwired since is learnt from the configuration.
            let unwired = record.token.and_then(|token| token.kept);
            let others = record.orphans.into_iter().chain(record.left);
            others.chain(unwired).any(|one| one == kept)
        });
        assert!(
            known || !uses(&config, &kept).is_empty(),
            "{kept} after {moment}"
        );
    }
}

/// Kills the command at every moment that it has, each time on a machine made
/// anew; how many those are.
fn at_every_moment(
    machine: impl Fn() -> StandIn,
    command: impl Fn(&Life<'_>),
    look: impl Fn(&StandIn, u32),
) -> u32 {
    for moment in 0.. {
        let machine = machine();
        if !machine.killed_at(moment, &command) {
            return moment;
        }
        look(&machine, moment);
    }
    unreachable!("a command has an end")
}

fn wired() -> StandIn {
    let machine = StandIn::new();
    machine.life().setup(&scope(None), &any()).unwrap();
    machine
}

/// That the dates of the wired token are known.
fn dates_are_known(machine: &StandIn, scope: &TokenScope) {
    let source = slot_identity(&machine.config(), scope).unwrap();
    let record = machine.record(scope);
    let wired = record.of(|wired| wired.source == source).unwrap();
    assert!(wired.expires.is_some());
}

#[test]
fn a_setup_killed_anywhere_leaves_old_or_new_and_the_next_run_heals() {
    for role in [None, Some("web")] {
        let scope = scope(role);
        let moments = at_every_moment(
            StandIn::new,
            |life| drop(life.setup(&scope, &any())),
            |machine, moment| {
                nothing_is_lost(machine, std::slice::from_ref(&scope), moment);
                match machine.token_of(&scope) {
                    None => {
                        assert_eq!(machine.text(), CONFIG, "after {moment}");
                        machine.life().setup(&scope, &any()).unwrap();
                    }
                    Some(token) => {
                        assert_eq!(token, "1");
                        dates_are_known(machine, &scope);
                        machine.life().rotate(&scope, &Given::default()).unwrap();
                    }
                }
                dates_are_known(machine, &scope);
                assert_eq!(machine.kept().len(), 1, "after {moment}");
                let record = machine.record(&scope);
                assert!(
                    record.orphans.is_empty() && record.left.is_empty(),
                    "after {moment}"
                );
            },
        );
        assert!(moments > 10, "{moments}");
    }
}

#[test]
fn a_rotation_killed_anywhere_leaves_a_token_that_works() {
    let moments = at_every_moment(
        wired,
        |life| drop(life.rotate(&scope(None), &Given::default())),
        |machine, moment| {
            nothing_is_lost(machine, &[scope(None)], moment);
            let token = machine.token_of(&scope(None)).unwrap();
            assert!(
                ["1", "2"].contains(&token.as_str()),
                "{token} after {moment}"
            );
            dates_are_known(machine, &scope(None));
            machine
                .life()
                .rotate(&scope(None), &Given::default())
                .unwrap();
            assert_eq!(machine.kept().len(), 1, "after {moment}");
            assert!(machine.record(&scope(None)).orphans.is_empty());
        },
    );
    assert!(moments > 12, "{moments}");
}

#[test]
fn a_revocation_killed_anywhere_is_begun_or_not_and_can_be_finished() {
    for delete in [true, false] {
        at_every_moment(
            wired,
            |life| drop(life.revoke(&scope(None), delete)),
            |machine, moment| {
                nothing_is_lost(machine, &[scope(None)], moment);
                let wired = machine.token_of(&scope(None));
                if wired.is_none() {
                    assert!(machine.text().ends_with("auth_forward = \"ignore\"\n"));
                }
                let known = !machine.record(&scope(None)).is_empty();
                let again = machine.life().revoke(&scope(None), true);
                assert!(again.is_ok() || !known, "after {moment}");
                assert!(machine.kept().is_empty(), "after {moment}");
                assert!(machine.record(&scope(None)).is_empty(), "after {moment}");
            },
        );
    }
}

#[test]
fn a_shared_setup_killed_anywhere_wires_all_or_none() {
    let scopes = ["a", "b"].map(|workspace| TokenScope {
        workspace: workspace.to_owned(),
        role: None,
    });
    at_every_moment(
        || StandIn::with("[workspaces.a]\n[workspaces.b]\n"),
        |life| drop(life.setup_all(&any(), true)),
        |machine, moment| {
            nothing_is_lost(machine, &scopes, moment);
            let wired: Vec<_> = scopes.iter().map(|scope| machine.token_of(scope)).collect();
            assert_eq!(wired[0], wired[1], "after {moment}");
            if wired[0].is_some() {
                for scope in &scopes {
                    dates_are_known(machine, scope);
                }
            }
            machine.life().setup_all(&any(), true).unwrap();
            assert_eq!(machine.kept().len(), 1, "after {moment}");
        },
    );
}

#[test]
fn a_machine_that_goes_off_while_it_takes_back_loses_nothing() {
    at_every_moment(
        || {
            let machine = wired();
            machine.trouble.set(Trouble::Altered);
            machine
        },
        |life| drop(life.rotate(&scope(None), &Given::default())),
        |machine, moment| {
            nothing_is_lost(machine, &[scope(None)], moment);
            assert_eq!(machine.token_of(&scope(None)).as_deref(), Some("1"));
            machine.trouble.set(Trouble::None);
            machine
                .life()
                .rotate(&scope(None), &Given::default())
                .unwrap();
            assert_eq!(machine.kept().len(), 1, "after {moment}");
        },
    );
}

/// A command in a user's life.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Setup,
    Rotate,
    Revoke { delete: bool },
    All { shared: bool },
}

fn give(life: &Life<'_>, verb: Verb, scope: &TokenScope) {
    match verb {
        Verb::Setup => drop(life.setup(scope, &any())),
        Verb::Rotate => drop(life.rotate(scope, &Given::default())),
        Verb::Revoke { delete } => drop(life.revoke(scope, delete)),
        Verb::All { shared } => drop(life.setup_all(&any(), shared)),
    }
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        Just(Verb::Setup),
        Just(Verb::Rotate),
        ANY.prop_map(|delete| Verb::Revoke { delete }),
        ANY.prop_map(|shared| Verb::All { shared }),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        4 => Just(Trouble::None),
        1 => Just(Trouble::Mint),
        1 => Just(Trouble::PutAfterAll),
        1 => Just(Trouble::Altered),
        1 => Just(Trouble::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_and_killed_nothing_is_lost_and_all_can_be_cleared_away(
        commands in vec((verb(), 0_usize..3, trouble(), 0_u32..60), 1..8)
    ) {
        let scopes = [scope(None), scope(Some("web")), TokenScope {
            workspace: "b".to_owned(),
            role: None,
        }];
        let machine = StandIn::with(&format!("{CONFIG}\n[workspaces.b]\n"));
        for (verb, whose, trouble, moment) in commands {
            machine.trouble.set(trouble);
            machine.killed_at(moment, |life| give(life, verb, &scopes[whose]));
            nothing_is_lost(&machine, &scopes, moment);
            for scope in &scopes {
                // Panics where a wired token cannot be read.
                machine.token_of(scope);
            }
        }
        machine.trouble.set(Trouble::None);
        // Who shares a token with others gives it up before it is deleted.
        for delete in [false, true] {
            for scope in &scopes {
                let _ = machine.life().revoke(scope, delete);
            }
        }
        let kept = machine.kept();
        prop_assert!(kept.is_empty(), "{kept:?}");
        for scope in &scopes {
            prop_assert!(machine.record(scope).is_empty());
        }
    }
}
