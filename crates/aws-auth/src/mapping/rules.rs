//! What a username and a group may be: nothing that a caller could bend, nothing that people cannot see.

use unicode_general_category::{GeneralCategory, get_general_category};

use crate::mapping::{MAX_GROUP, MAX_GROUPS, MAX_TEXT, SpecError};

/// Checks a username that somebody chose.
pub(super) fn check_username(username: &str) -> Result<(), SpecError> {
    if username.is_empty() {
        return Err(SpecError::EmptyUsername);
    }
    if username.chars().count() > MAX_TEXT {
        return Err(SpecError::TooLong { field: "username", limit: MAX_TEXT });
    }
    check_visible("username", username)?;
    let mut rest = username;
    let mut literal_colon = false;
    while let Some((before, after)) = rest.split_once("{{") {
        literal_colon |= before.contains(':');
        let Some((name, tail)) = after.split_once("}}") else {
            return Err(SpecError::Placeholder(clip(&rest[before.len()..])));
        };
        match name {
            "AccountID" => {}
            "SessionName" | "SessionNameRaw" if literal_colon => {}
            "SessionName" | "SessionNameRaw" => return Err(SpecError::SessionNameFirst),
            "AccessKeyID" => return Err(SpecError::AccessKey),
            other => return Err(SpecError::Placeholder(clip(&format!("{{{{{other}}}}}")))),
        }
        rest = tail;
    }
    Ok(())
}

/// Checks the groups.
pub(super) fn check_groups(groups: &[String]) -> Result<(), SpecError> {
    if groups.len() > MAX_GROUPS {
        return Err(SpecError::TooManyGroups);
    }
    for (i, group) in groups.iter().enumerate() {
        if group.is_empty() {
            return Err(SpecError::EmptyGroup);
        }
        if group.chars().count() > MAX_GROUP {
            return Err(SpecError::TooLong { field: "groups", limit: MAX_GROUP });
        }
        check_visible("groups", group)?;
        if group.contains("{{") {
            return Err(SpecError::GroupPlaceholder(clip(group)));
        }
        if groups[..i].contains(group) {
            return Err(SpecError::DuplicateGroup(clip(group)));
        }
    }
    Ok(())
}

/// Refuses what people cannot see, and edges of white space, which they overlook.
fn check_visible(field: &'static str, text: &str) -> Result<(), SpecError> {
    let invisible = |c: char| {
        matches!(
            get_general_category(c),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
    };
    if let Some(c) = text.chars().find(|&c| invisible(c)) {
        return Err(SpecError::Invisible { field, character: u32::from(c) });
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(SpecError::EdgeSpace { field });
    }
    Ok(())
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}
