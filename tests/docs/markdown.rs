//! Pages of Markdown and the fenced blocks in them. A block may carry a mark, a comment in the line before it.

use std::fs;
use std::path::Path;

use crate::helm::root;

/// A page, by its path in the repository.
#[derive(Debug)]
pub struct Page {
    pub path: String,
    pub text: String,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// Page and line, as editors open it.
    pub place: String,
    pub language: String,
    /// Without the indentation of the list that it stands in.
    pub text: String,
    pub mark: Option<Mark>,
}

/// What the comment before a block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Nothing here can run it, and why.
    NotRunHere(String),
    /// It is what this command prints.
    PrintedBy(String),
    /// `tests/walk` runs it, or compares it with what that ends with.
    Walk,
    /// Something else, which is a mistake.
    Unknown(String),
}

/// Every page that people read.
pub fn pages() -> Vec<Page> {
    let mut paths = Vec::new();
    for folder in ["", ".github", "charts", "docs"] {
        list(&root().join(folder), folder.is_empty(), &mut paths);
    }
    paths.sort();
    assert!(paths.len() > 40, "{paths:?}");
    paths.iter().map(|path| Page::read(path)).collect()
}

fn list(folder: &Path, only_here: bool, paths: &mut Vec<String>) {
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() && !only_here {
            list(&path, false, paths);
        } else if path.extension().is_some_and(|end| end == "md") {
            paths.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

impl Page {
    /// One page.
    pub fn read(path: &str) -> Self {
        Self { path: path.to_owned(), text: fs::read_to_string(root().join(path)).unwrap() }
    }

    /// Its fenced blocks, in order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut mark = None;
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let trimmed = line.trim_start();
            let Some(language) = trimmed.strip_prefix("```") else {
                if !trimmed.is_empty() {
                    mark = Mark::of(trimmed);
                }
                continue;
            };
            let indentation = line.len() - trimmed.len();
            let mut text = String::new();
            for (_, line) in lines.by_ref().take_while(|(_, line)| line.trim() != "```") {
                text.push_str(line.get(indentation..).unwrap_or_default());
                text.push('\n');
            }
            blocks.push(Block {
                place: format!("{}:{}", self.path, number + 1),
                language: language.to_owned(),
                text,
                mark: mark.take(),
            });
        }
        blocks
    }
}

impl Mark {
    fn of(line: &str) -> Option<Self> {
        let comment = line.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
        Some(match comment.split_once(": ") {
            Some(("not run here", why)) => Self::NotRunHere(why.to_owned()),
            Some(("printed by", command)) => Self::PrintedBy(command.to_owned()),
            None if comment == "tests/walk" => Self::Walk,
            _ => Self::Unknown(comment.to_owned()),
        })
    }
}
