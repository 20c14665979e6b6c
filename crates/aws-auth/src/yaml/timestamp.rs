//! Which scalars the reader takes for timestamps. They stay strings; it matters only under an explicit `!!timestamp`,
//! which refuses everything else.

/// Whether `text` has one of the four shapes: `2006-1-2`, alone, or with ` 15:4:5.9`, or with `T15:4:5.9Z07:00`.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let [y1, y2, y3, y4, b'-', rest @ ..] = bytes else { return false };
    let year = [y1, y2, y3, y4];
    if !year.iter().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let year = year.iter().fold(0, |sum, digit| sum * 10 + u32::from(**digit - b'0'));
    date_and_time(year, rest).is_some()
}

fn date_and_time(year: u32, rest: &[u8]) -> Option<()> {
    let (month, rest) = number(rest)?;
    let (day, rest) = number(rest.strip_prefix(b"-")?)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    let (zoned, rest) = match rest {
        [] => return Some(()),
        [b'T' | b't', rest @ ..] => (true, rest),
        [b' ', rest @ ..] => (false, skip_spaces(rest)),
        _ => return None,
    };
    let (hour, rest) = number(rest)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?)?;
    let (second, rest) = number(rest.strip_prefix(b":")?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = match rest {
        [b'.' | b',', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
            let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            digits.get(length..)?
        }
        _ => rest,
    };
    match (zoned, rest) {
        (false, []) | (true, [b'Z']) => Some(()),
        (true, [b'+' | b'-', h1, h2, b':', m1, m2]) => {
            let two = |a: u8, b: u8| number(&[a, b]).filter(|_| b.is_ascii_digit()).map(|(value, _)| value);
            (two(*h1, *h2)? <= 24 && two(*m1, *m2)? <= 60).then_some(())
        }
        _ => None,
    }
}

/// A blank in Go's layout takes any number of them.
fn skip_spaces(rest: &[u8]) -> &[u8] {
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    rest.get(spaces..).unwrap_or_default()
}

/// One or two digits.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(a - b'0') * 10 + u32::from(b - b'0'), rest))
        }
        [a @ b'0'..=b'9', rest @ ..] => Some((u32::from(a - b'0'), rest)),
        _ => None,
    }
}
