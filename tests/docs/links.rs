//! Links between pages, and the index of them.

use std::path::Path;

use crate::helm::root;
use crate::markdown::{Page, pages};

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut broken = Vec::new();
    for page in pages() {
        let links = page.text.split("](").skip(1).chain(page.text.split("src=\"").skip(1));
        for link in links.filter_map(|rest| rest.split([')', '"']).next()) {
            let file = link.split('#').next().unwrap();
            let outside = link.starts_with("http://") || link.starts_with("https://");
            if !outside && !root().join(&page.path).parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_link_to_a_heading_leads_to_one() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let Some((file, heading)) = link.split_once('#').filter(|_| !link.contains("://")) else {
                continue;
            };
            let folder = Path::new(&page.path).parent().unwrap();
            let text = match file {
                "" => page.text.clone(),
                file => std::fs::read_to_string(root().join(folder).join(file)).unwrap_or_default(),
            };
            if !text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading) {
                broken.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|&character| character.is_alphanumeric() || " -_".contains(character));
    kept.map(|character| if character == ' ' { '-' } else { character }).collect()
}

#[test]
fn the_index_names_every_page_of_the_documentation() {
    let index = Page::read("docs/README.md").text;
    let missing: Vec<String> = pages()
        .into_iter()
        .filter_map(|page| page.path.strip_prefix("docs/").map(str::to_owned))
        .filter(|path| path != "README.md" && (!path.contains('/') || path.ends_with("README.md")))
        .filter(|path| !index.contains(&format!("]({path})")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_test_that_a_page_names_is_in_the_file_that_it_links() {
    let mut missing = Vec::new();
    for page in pages() {
        let links = page.text.split("[`").skip(1).filter_map(|rest| rest.split_once("`]("));
        for (name, rest) in links {
            let file = rest.split(')').next().unwrap();
            if Path::new(file).extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(root().join(&page.path).parent().unwrap().join(file));
                if !text.is_ok_and(|text| text.contains(&format!("fn {name}("))) {
                    missing.push(format!("{}: {name} in {file}", page.path));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
