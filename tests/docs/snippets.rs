//! Whatever a page shows in a block is run, or checked, or says why it is not.

use std::collections::BTreeSet;
use std::thread;

use crate::manifests;
use crate::markdown::{Block, Mark, Page, pages};
use crate::reader::{Reader, printed};

/// What is done with a block.
enum Task<'a> {
    /// Typed into a shell.
    Run,
    /// Typed line by line, and what comes is compared.
    Compare,
    /// Held against whatever would read it.
    Read,
    /// Compared with what the command prints.
    Print(&'a str),
    /// Left to `tests/walk`.
    Walk,
    /// Nothing here can run it.
    Leave,
}

fn task(block: &Block) -> Result<Task<'_>, String> {
    let place = &block.place;
    match (&block.mark, block.language.as_str()) {
        (Some(Mark::NotRunHere(why)), _) if why.split_whitespace().count() > 2 => Ok(Task::Leave),
        (Some(Mark::NotRunHere(why)), _) => Err(format!("{place}: {why:?} does not say why")),
        (Some(Mark::PrintedBy(command)), _) => Ok(Task::Print(command)),
        (Some(Mark::Walk), _) => Ok(Task::Walk),
        (Some(Mark::Unknown(mark)), _) => Err(format!("{place}: the mark {mark:?} means nothing")),
        (None, "sh") => Ok(Task::Run),
        (None, "console") => Ok(Task::Compare),
        (None, "yaml") => Ok(Task::Read),
        (None, language) => Err(format!(
            "{place}: nothing runs or reads {language:?}; say `<!-- printed by: COMMAND -->` or `<!-- not run here: WHY -->`"
        )),
    }
}

/// Whether the page starts on a cluster without the operator, because it installs it.
fn installs(page: &Page) -> bool {
    let installs = |text: &str| text.contains("helm install") || text.contains("apply --server-side -k");
    page.blocks().iter().any(|block| matches!(task(block), Ok(Task::Run)) && installs(&block.text))
}

/// What is wrong with those blocks of a page that are `wanted`.
fn failures(
    reader: &mut Reader,
    page: &Page,
    wanted: impl Fn(&Task<'_>) -> bool,
    done: &mut BTreeSet<String>,
) -> Vec<String> {
    let mut failures = Vec::new();
    for block in page.blocks() {
        if !task(&block).is_ok_and(|task| wanted(&task)) {
            continue;
        }
        // Runbooks have some in common.
        if !done.insert(format!("{:?} {}", block.mark, block.text)) {
            continue;
        }
        let went = match task(&block) {
            Ok(Task::Run) => reader.type_in(&block.text).map(drop),
            Ok(Task::Compare) => compare(reader, &block.text),
            Ok(Task::Read) => manifests::check(&block.text, reader),
            Ok(Task::Print(command)) => {
                reader.type_in(command).and_then(|output| printed(&block.text, &output))
            }
            Ok(Task::Walk | Task::Leave) | Err(_) => Ok(()),
        };
        if let Err(error) = went {
            failures.push(format!("{}\n{}{error}", block.place, block.text));
        }
    }
    failures
}

/// Lines after `$ ` are typed, the others are what they print.
fn compare(reader: &mut Reader, text: &str) -> Result<(), String> {
    for step in format!("\n{text}").split("\n$ ").skip(1) {
        let (command, expected) = step.split_once('\n').unwrap_or((step, ""));
        printed(expected, &reader.type_in(command)?)?;
    }
    Ok(())
}

#[test]
fn every_block_is_run_or_checked_or_says_why_not() {
    let pages = pages();
    let blocks: Vec<Block> = pages.iter().flat_map(Page::blocks).collect();
    let complaints: Vec<String> = blocks.iter().filter_map(|block| task(block).err()).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let left = blocks.iter().filter(|block| matches!(task(block), Ok(Task::Leave))).count();
    assert!(left * 2 < blocks.len(), "{left} of {} blocks are not run", blocks.len());
}

#[test]
fn what_pages_say_of_a_running_operator_works() {
    let mut reader = Reader::with_an_operator();
    let mut done = BTreeSet::new();
    let mut failures_of = |page: Page| {
        // What a page shows of IamMappings may stand before the line that installs their kind.
        let installs = installs(&page);
        failures(&mut reader, &page, |task| !installs || matches!(task, Task::Read), &mut done)
    };
    let failures: Vec<String> = pages().into_iter().flat_map(&mut failures_of).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n---\n"));
}

#[test]
fn what_pages_say_of_installing_works_from_their_top_to_their_end() {
    let pages: Vec<Page> = pages().into_iter().filter(installs).collect();
    assert!(pages.len() >= 2, "{pages:?}");
    let check = |page: &Page| {
        let typed = |task: &Task<'_>| !matches!(task, Task::Read);
        failures(&mut Reader::with_a_cluster(), page, typed, &mut BTreeSet::new())
    };
    // Each has a control plane to itself, and few machines bear all of them at once.
    let failures: Vec<String> = thread::scope(|all| {
        let halves: Vec<_> = pages
            .chunks(pages.len().div_ceil(2))
            .map(|half| all.spawn(move || half.iter().flat_map(check).collect::<Vec<_>>()))
            .collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n---\n"));
}
