//! Filling in the placeholders of usernames and groups as the reader does (contract, "Templates"): literally, one after
//! the other, so that what an earlier one inserts a later one may replace.

use crate::lookup::Caller;

/// Stands for the name that EC2 gives an instance; works for callers whose session is named after one.
pub const EC2_PRIVATE_DNS_NAME: &str = "{{EC2PrivateDNSName}}";
/// Stands for the caller's account.
pub const ACCOUNT_ID: &str = "{{AccountID}}";
/// Stands for the session's name, with `-` for every `@`.
pub const SESSION_NAME: &str = "{{SessionName}}";
/// Stands for the session's name as it is.
pub const SESSION_NAME_RAW: &str = "{{SessionNameRaw}}";
/// Stands for the access key; chosen by the caller (CVE-2022-2385).
pub const ACCESS_KEY_ID: &str = "{{AccessKeyID}}";

/// A template that cannot be filled in: the reader turns the caller away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderError {
    /// `{{EC2PrivateDNSName}}` for a session that is not named after an instance.
    NoInstance,
    /// EC2 does not know the instance, or we do not know what it says.
    UnknownInstance,
}

/// Fills in one template.
///
/// # Errors
///
/// When it has `{{EC2PrivateDNSName}}` and the caller is no instance that EC2 knows.
pub fn render(template: &str, caller: &Caller) -> Result<String, RenderError> {
    let mut text = template.to_owned();
    if text.contains(EC2_PRIVATE_DNS_NAME) {
        if !is_instance_id(&caller.session_name) {
            return Err(RenderError::NoInstance);
        }
        let name = caller.private_dns_name.as_deref().ok_or(RenderError::UnknownInstance)?;
        text = text.replace(EC2_PRIVATE_DNS_NAME, name);
    }
    if !text.contains("{{") {
        return Ok(text);
    }
    text = text.replace(ACCOUNT_ID, &caller.account_id);
    text = text.replace(SESSION_NAME, &caller.session_name.replace('@', "-"));
    text = text.replace(SESSION_NAME_RAW, &caller.session_name);
    Ok(text.replace(ACCESS_KEY_ID, &caller.access_key_id))
}

/// `i-` and 8 or 17 of what a regular expression calls word characters.
fn is_instance_id(session: &str) -> bool {
    session.strip_prefix("i-").is_some_and(|id| {
        matches!(id.len(), 8 | 17) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
