use super::*;

/// As schema 1 was written.
const GOLDEN_1: &str = r#"{"schema":1,"id":"000102030405060708090a0b0c0d0e0f","owner":1000,"issued":1700000000,"expires":1700000900,"payload":{"env":[{"name":"TOKEN","value":"t"}],"unset":[],"files":[]},"limits":{"containers":1}}"#;

/// As schema 2 was written.
const GOLDEN_2: &str = r#"{"schema":2,"id":"000102030405060708090a0b0c0d0e0f","owner":1000,"issued":1700000000,"expires":1700000900,"request":{"role":"web", "kept": "to the byte"},"payload":{"env":[{"name":"TOKEN","value":"t"}],"unset":["RIVAL"],"files":[{"place":{"path":".agent/login.json"},"delivery":{"bind":{"content":"{}"}}},{"place":{"path":".agent.json","moved_by":{"variable":"AGENT_DIR","path":"agent.json"}},"delivery":{"merge-json":{"object":{"seen":true,"tips":["a",1]}}}},{"place":{"path":"/etc/agent.toml"},"delivery":{"append-text":{"text":"a = 1\n","unless":"a ="}}}]},"limits":{"containers":2,"image":"acme/web:1"}}"#;

/// As schema 3 was written.
const GOLDEN_3: &str = r#"{"schema":3,"id":"000102030405060708090a0b0c0d0e0f","owner":1000,"issued":1700000000,"expires":1700000900,"request":{"role":"web", "kept": "to the byte"},"payload":{"env":[{"name":"TOKEN","value":"t","without":{"file":{"place":{"path":".agent/token"},"delivery":{"bind":{"content":"t"}}}}},{"name":"KEY","value":"k","without":"needless"},{"name":"OTHER","value":"o"}],"unset":["RIVAL"],"files":[{"place":{"path":".agent/login.json"},"delivery":{"bind":{"content":"{}"}}},{"place":{"path":".agent.json","moved_by":{"variable":"AGENT_DIR","path":"agent.json"}},"delivery":{"merge-json":{"object":{"seen":true,"tips":["a",1]}}}},{"place":{"path":"/etc/agent.toml"},"delivery":{"append-text":{"text":"a = 1\n","unless":"a ="}}}]},"user":"dev","limits":{"containers":2,"image":"acme/web:1"}}"#;

/// As schema 4 is written, with everything in it that a ticket may hold.
const GOLDEN_4: &str = r#"{"schema":4,"id":"000102030405060708090a0b0c0d0e0f","owner":1000,"issued":1700000000,"expires":1700000900,"request":{"role":"web", "kept": "to the byte"},"payload":{"env":[{"name":"TOKEN","value":"t","without":{"file":{"place":{"path":".agent/token"},"delivery":{"bind":{"content":"t"}}}}},{"name":"KEY","value":"k","without":"needless"},{"name":"OTHER","value":"o"}],"unset":["RIVAL"],"files":[{"place":{"path":".agent/login.json"},"delivery":{"bind":{"content":"{}"}}},{"place":{"path":".agent.json","moved_by":{"variable":"AGENT_DIR","path":"agent.json"}},"delivery":{"merge-json":{"object":{"seen":true,"tips":["a",1]}}}},{"place":{"path":"/etc/agent.toml"},"delivery":{"append-text":{"text":"a = 1\n","unless":"a ="}}},{"place":{"path":".agent/live.json"},"delivery":{"live":{"login":"00112233445566778899aabbccddeeff","content":"{}"}}}]},"user":"dev","limits":{"containers":2,"image":"acme/web:1"}}"#;

#[test]
fn a_ticket_of_this_schema_is_read_and_written_to_the_byte() {
    let ticket = Ticket::from_json(GOLDEN_4.as_bytes()).unwrap();
    assert_eq!(ticket.schema, SCHEMA);
    let written = ticket.to_json().unwrap();
    assert_eq!(std::str::from_utf8(&written).unwrap(), GOLDEN_4);
}

#[test]
fn a_ticket_of_any_other_schema_is_refused_by_its_number() {
    let newer = GOLDEN_4.replacen("\"schema\":4", "\"schema\":5", 1);
    // A later one may also have what this build cannot read at all.
    let unknown = newer.replacen("\"limits\"", "\"news\":[],\"limits\"", 1);
    for (text, schema) in [
        (GOLDEN_1, 1),
        (GOLDEN_2, 2),
        (GOLDEN_3, 3),
        (&*newer, 5),
        (&*unknown, 5),
    ] {
        let error = Ticket::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(error, InvalidTicket::Schema { found: schema });
        let message = error.to_string();
        assert_eq!(
            message,
            format!(
                "it has schema {schema}, and this build reads 4; install one version of both sides"
            )
        );
    }
}

#[test]
fn what_the_schema_does_not_have_is_refused() {
    let addition = GOLDEN_4.replacen("\"owner\"", "\"news\":[],\"owner\"", 1);
    let delivery = GOLDEN_4.replacen("append-text", "append-bytes", 1);
    let half = &GOLDEN_4[..GOLDEN_4.len() / 2];
    for text in [&*addition, &*delivery, half] {
        let error = Ticket::from_json(text.as_bytes()).unwrap_err();
        assert!(matches!(error, InvalidTicket::Malformed { .. }), "{error}");
    }
}
