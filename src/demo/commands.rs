//! The commands that the demonstration proposes while the gateway stays up.

use crate::api;

use super::client::DemoClient;

/// Commands to paste into a shell. `fallback_message_id` is the id of a message that fell back, which is worth reading.
pub(super) fn commands(client: &DemoClient, fallback_message_id: Option<&str>) -> std::io::Result<String> {
    let program = std::env::current_exe()?;
    let mut lines = vec![
        format!("alias relevo='{}'", program.display()),
        format!("export RELEVO_API_KEY={}", client.key.expose()),
    ];
    if client.address != api::ApiSettings::default().listen {
        lines.push(format!("export RELEVO_SERVER=http://{}", client.address));
    }
    lines.push(String::new());
    lines.extend(commands_to_try(fallback_message_id));
    let lines: Vec<_> = lines.iter().map(|line| format!("   {line}").trim_end().to_owned()).collect();
    Ok(format!(
        "\nThe gateway stays up, at {}, until Ctrl-C. Paste into another terminal:\n\n{}\n",
        client.address,
        lines.join("\n")
    ))
}

fn commands_to_try(fallback_message_id: Option<&str>) -> Vec<String> {
    let get = fallback_message_id.map(|id| format!("relevo message get {id}"));
    let fixed = [
        "relevo message list --limit 10",
        "relevo provider list",
        "relevo sandbox set hang --failure-domain meta",
        "relevo send --contact ana --topic orders --subject 'Your parcel' --text 'It is here'",
        "relevo message watch --cursor 0",
        "relevo sandbox set accept --failure-domain meta",
        "relevo consent get dario",
    ];
    get.into_iter().chain(fixed.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_is_one_that_the_command_line_knows() {
        for command in commands_to_try(Some("01936b2e-6c1f-7cc0-8f5a-1d2e3f405162")) {
            let words: Vec<_> = command.split('\'').enumerate().flat_map(words).collect();
            assert!(Cli::try_parse_from(&words).is_ok(), "{command}");
        }
    }

    /// Splits what stands outside of quotes, which are the even parts, as a shell would.
    fn words((index, part): (usize, &str)) -> Vec<String> {
        match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        }
    }
}
