//! The command line as a user meets it: a home of its own, an engine that
//! only notes what it is asked, and a docker that only notes how it was called.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene has failed"
)]

mod claude_token_scene;
mod config_scene;
mod environment;
mod keyring_session;
#[path = "../stand_in/op_scene.rs"]
mod op_scene;
mod stand_in_claude;
mod stand_in_engine;
mod terminal;
mod test_claude_token_all;
mod test_claude_token_crash;
mod test_claude_token_doctor;
mod test_claude_token_kept;
mod test_claude_token_keyring;
mod test_claude_token_launch;
mod test_claude_token_life_op;
mod test_claude_token_mint;
mod test_claude_token_op;
mod test_claude_token_rotate;
mod test_claude_token_setup;
mod test_claude_token_stores;
mod test_complete_command;
mod test_config_auth_command;
mod test_config_check_command;
mod test_config_command;
mod test_config_env_command;
mod test_doctor_command;
mod test_dry_run;
mod test_eject_command;
mod test_exec_command;
mod test_import;
mod test_launches;
mod test_live;
mod test_live_views;
mod test_plugin;
mod test_ps_command;
mod test_purge_command;
mod test_resolve_command;
mod test_resolve_policy;
mod test_role_command;
mod test_run_command;
mod test_run_image;
mod test_secret_prompt;
mod test_sources;
mod test_sync_command;
mod test_ticket_command;
mod test_ticket_env_file;
mod test_watcher;
mod test_workspace_command;
mod token_life_scene;
mod token_machine;
