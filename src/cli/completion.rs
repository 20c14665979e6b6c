//! `completion`: what a shell needs to complete our arguments; and kubectl's helper for plugins.

use std::ffi::OsString;

use clap::{Args, Command};
use clap_complete::Shell;

use super::output;

/// Print the completion script of a shell.
///
/// For kubectl, link this binary as kubectl_complete-iam_mapping onto the PATH as well.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn print(arguments: &Arguments, mut command: Command) -> anyhow::Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

/// What kubectl's own completion asks of `kubectl_complete-iam_mapping`: the words so far, the last one unfinished; a
/// candidate a line, then a directive (4: no file names, 0: those too).
pub(super) fn for_kubectl(mut command: Command, words: &[OsString]) -> String {
    command.build();
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (last, before) = words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let mut at = &command;
    for word in before {
        at = at.find_subcommand(word).unwrap_or(at);
    }
    let flag = before.last().filter(|word| word.starts_with('-')).and_then(|word| {
        at.get_arguments().find(|argument| {
            let long = argument.get_long().map(|long| format!("--{long}"));
            let short = argument.get_short().map(|short| format!("-{short}"));
            long.as_ref() == Some(word) || short.as_ref() == Some(word)
        })
    });
    let takes_value = flag.filter(|flag| flag.get_action().takes_values());
    let candidates: Vec<String> = if let Some(flag) = takes_value {
        flag.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
    } else if last.starts_with('-') {
        let long = |argument: &clap::Arg| argument.get_long().map(|long| format!("--{long}"));
        at.get_arguments().filter(|argument| !argument.is_hide_set()).filter_map(long).collect()
    } else {
        at.get_subcommands().map(|command| command.get_name().to_owned()).collect()
    };
    let directive = if candidates.is_empty() { ":0\n" } else { ":4\n" };
    let fitting: Vec<String> = candidates
        .into_iter()
        .filter(|candidate| candidate.starts_with(last))
        .map(|one| one + "\n")
        .collect();
    fitting.concat() + directive
}
