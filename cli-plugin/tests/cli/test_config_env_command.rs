//! `docker jackin config env`: variables of four layers.

use insta::assert_snapshot;

use crate::config_scene::{example, said};

#[test]
fn variables_are_set_in_four_layers_and_listed_with_their_winners() {
    let environment = example();
    for line in [
        "config env set EDITOR vi",
        "config env set EDITOR $EDITOR --role web",
        "config env set EDITOR nano --workspace my-app",
        "config env set EDITOR file:/etc/editor --workspace my-app --role web",
    ] {
        let said = said(&environment, line);
        assert!(said.ends_with("[0]"), "{said}");
    }
    assert_snapshot!(said(&environment, "config env list"), @r"
    NAME             SOURCE             FROM
    EDITOR           plain value        global
    OPENAI_API_KEY   $OPENAI_API_KEY    global                        if codex's mode asks for it
    EDITOR           $EDITOR            role web
    EDITOR           plain value        workspace my-app
    EDITOR           file:/etc/editor   workspace my-app × role web
    [0]
    ");
    assert_snapshot!(said(&environment, "config env list --workspace my-app --role web"), @r"
    NAME             SOURCE             FROM
    EDITOR           file:/etc/editor   workspace my-app × role web
    EDITOR           plain value        workspace my-app              outranked
    EDITOR           $EDITOR            role web                      outranked
    EDITOR           plain value        global                        outranked
    OPENAI_API_KEY   $OPENAI_API_KEY    global                        if codex's mode asks for it
    [0]
    ");
    let line = "config env unset EDITOR --workspace my-app --role web";
    assert_snapshot!(said(&environment, line), @r"
    EDITOR: now plain value (from workspace my-app), for workspace my-app × role web
    [0]
    ");
    let line = "config env list --role web --format json";
    assert_snapshot!(said(&environment, line), @r#"
    {
      "variables": [
        {
          "name": "EDITOR",
          "source": "$EDITOR",
          "scope": {
            "workspace": null,
            "role": "web"
          },
          "agent": null,
          "wins": true
        },
        {
          "name": "EDITOR",
          "source": "plain value",
          "scope": {
            "workspace": null,
            "role": null
          },
          "agent": null,
          "wins": false
        },
        {
          "name": "OPENAI_API_KEY",
          "source": "$OPENAI_API_KEY",
          "scope": {
            "workspace": null,
            "role": null
          },
          "agent": "codex",
          "wins": true
        }
      ]
    }
    [0]
    "#);
}

#[test]
fn a_credential_set_as_a_variable_says_whose_it_is() {
    let environment = example();
    let line = "config env set ANTHROPIC_API_KEY $ANTHROPIC_API_KEY";
    assert_snapshot!(said(&environment, line), @r"
    ANTHROPIC_API_KEY: $ANTHROPIC_API_KEY, for everything
      ANTHROPIC_API_KEY is claude's credential: it is delivered where claude's mode asks for it
    [0]
    ");
}
