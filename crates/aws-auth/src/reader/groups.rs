//! A Go slice of strings into which more than one JSON array is decoded.
//!
//! `groups` and `Groups` in one entry are the same field. The second array is laid over the first: elements that are
//! null or of the wrong type keep what stood there before, even in places that a shorter array had cut off.

use crate::yaml::Document;

use super::json::{Value, value};

/// The slice and what is behind its end.
#[derive(Default)]
pub(super) struct Groups {
    backing: Vec<String>,
    length: usize,
}

impl Groups {
    /// JSON null: a new, empty slice.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Decodes an array over what is there. `false`: elements were of the wrong type.
    pub(super) fn overlay(&mut self, document: &Document<'_>, array: usize) -> bool {
        let (mut sound, mut length) = (true, 0);
        for (index, child) in document.children(array).enumerate() {
            length = index + 1;
            if self.backing.len() < length {
                self.backing.push(String::new());
            }
            match (value(document, child), self.backing.get_mut(index)) {
                (Value::Str(text), Some(slot)) => *slot = text.into_owned(),
                (Value::Null, _) => {}
                _ => sound = false,
            }
        }
        self.length = length;
        if length == 0 {
            self.clear();
        }
        sound
    }

    pub(super) fn into_vec(mut self) -> Vec<String> {
        self.backing.truncate(self.length);
        // Most lists have one group, and growing made room for four.
        self.backing.shrink_to_fit();
        self.backing
    }
}
