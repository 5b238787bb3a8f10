use super::*;

/// As schema 1 was written.
const GOLDEN_1: &str = r#"{"schema":1,"id":"000102030405060708090a0b0c0d0e0f","owner":1000,"issued":1700000000,"expires":1700000900,"payload":{"env":[{"name":"TOKEN","value":"t"}],"unset":[],"files":[]},"limits":{"containers":1}}"#;

/// As schema 2 is written, with everything in it that a ticket may hold.
const GOLDEN_2: &str = r#"{"schema":2,"id":"000102030405060708090a0b0c0d0e0f","owner":1000,"issued":1700000000,"expires":1700000900,"request":{"role":"web", "kept": "to the byte"},"payload":{"env":[{"name":"TOKEN","value":"t"}],"unset":["RIVAL"],"files":[{"place":{"path":".agent/login.json"},"delivery":{"bind":{"content":"{}"}}},{"place":{"path":".agent.json","moved_by":{"variable":"AGENT_DIR","path":"agent.json"}},"delivery":{"merge-json":{"object":{"seen":true,"tips":["a",1]}}}},{"place":{"path":"/etc/agent.toml"},"delivery":{"append-text":{"text":"a = 1\n","unless":"a ="}}}]},"limits":{"containers":2,"image":"acme/web:1"}}"#;

#[test]
fn a_ticket_of_this_schema_is_read_and_written_to_the_byte() {
    let ticket = Ticket::from_json(GOLDEN_2.as_bytes()).unwrap();
    assert_eq!(ticket.schema, SCHEMA);
    let written = ticket.to_json().unwrap();
    assert_eq!(std::str::from_utf8(&written).unwrap(), GOLDEN_2);
}

#[test]
fn a_ticket_of_any_other_schema_is_refused_by_its_number() {
    let newer = GOLDEN_2.replacen("\"schema\":2", "\"schema\":3", 1);
    // A later one may also have what this build cannot read at all.
    let unknown = newer.replacen("\"limits\"", "\"news\":[],\"limits\"", 1);
    for (text, schema) in [(GOLDEN_1, 1), (&*newer, 3), (&*unknown, 3)] {
        let error = Ticket::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(error, InvalidTicket::Schema { found: schema });
        let message = error.to_string();
        assert_eq!(
            message,
            format!(
                "it has schema {schema}, and this build reads 2; install one version of both sides"
            )
        );
    }
}

#[test]
fn what_the_schema_does_not_have_is_refused() {
    let addition = GOLDEN_2.replacen("\"owner\"", "\"news\":[],\"owner\"", 1);
    let delivery = GOLDEN_2.replacen("append-text", "append-bytes", 1);
    let half = &GOLDEN_2[..GOLDEN_2.len() / 2];
    for text in [&*addition, &*delivery, half] {
        let error = Ticket::from_json(text.as_bytes()).unwrap_err();
        assert!(matches!(error, InvalidTicket::Malformed { .. }), "{error}");
    }
}
