//! `callcast token new`: an API token, shown once, and the table that lets callcast know it.
//!
//! The table goes to standard output and the token to standard error, so that `callcast token new … >> callcast.toml` puts into the file
//! what belongs there, and not the token.

use clap::{Args, Subcommand};

use super::CommandError;
use crate::access::NewToken;

/// `callcast token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes an API token: it is shown once, on standard error; the table for the configuration goes to standard output
    New(NewArgs),
}

/// What the token may see.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// What will hold it, as `crm`.
    #[arg(long, value_name = "N", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,
    /// A user whose devices it may see; may be given again.
    #[arg(long = "user", value_name = "U", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    users: Vec<String>,
    /// A device that it may see; may be given again.
    #[arg(long = "device", value_name = "D", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    devices: Vec<String>,
    /// A directory number that it may see; may be given again.
    #[arg(long = "line", value_name = "L", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    lines: Vec<String>,
    /// It may see everything.
    #[arg(long)]
    everything: bool,
    /// It may use the admin endpoints.
    #[arg(long)]
    admin: bool,
}

/// Carries it out.
pub fn run(TokenCommand::New(args): TokenCommand) -> Result<(), CommandError> {
    if !args.everything && !args.admin && args.users.is_empty() && args.devices.is_empty() && args.lines.is_empty() {
        return Err(CommandError::NothingToSee);
    }
    let token = NewToken::random()?;
    eprintln!("The token of {}, which is shown this once and kept nowhere:\n", args.name.escape_default());
    eprintln!("{}\n", token.reveal());
    eprintln!("callcast knows it by its hash: put this into the configuration, and restart callcast.\n");
    print!("{}", table(&args, &token.sha256()));
    Ok(())
}

/// The table for the configuration.
fn table(args: &NewArgs, sha256: &str) -> String {
    let text = |text: &str| toml::Value::from(text).to_string();
    let mut table = format!("[[access.token]]\nname = {}\nsha256 = {}\n", text(&args.name), text(sha256));
    for (key, texts) in [("users", &args.users), ("devices", &args.devices), ("lines", &args.lines)] {
        if !texts.is_empty() {
            table += &format!("{key} = {}\n", toml::Value::from(texts.clone()));
        }
    }
    for (key, is_given) in [("everything", args.everything), ("admin", args.admin)] {
        if is_given {
            table += &format!("{key} = true\n");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_printed_is_what_the_configuration_takes() {
        let args = NewArgs {
            name: "the \"CRM\"\n[x]".into(),
            users: vec!["b\"smith".into(), "Zoë".into()],
            devices: vec![],
            lines: vec!["2000".into()],
            everything: false,
            admin: true,
        };
        let hash = NewToken::random().unwrap().sha256();
        let config: Config = toml::from_str(&table(&args, &hash)).unwrap();
        config.access.check().unwrap();
        let token = &config.access.tokens[0];
        assert_eq!((&token.name, &token.sha256, &token.users, &token.lines), (&args.name, &hash, &args.users, &args.lines));
        assert!(token.admin && !token.everything && token.devices.is_empty());
    }
}
