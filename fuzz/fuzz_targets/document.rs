//! The document: whatever text stands in aws-auth, and whatever entries of ours come, change and go, the bytes of
//! others stay, the reader reads what was meant, and in the end the first bytes are back.
//!
//! The input is a text for all three keys, a zero byte, and then a byte for each step: who, which version, whether it
//! goes.

#![no_main]

use aws_auth::mapping::RawSpec;
use aws_auth::plan::Outcome;
use aws_auth::reader::{ListStyle, Reading};
use aws_auth::{Key, Timestamp, spelling};
use aws_auth_fuzz::{AFTER_THE_BRAKE, Cluster, item_bytes, mapping, role, stand_among};
use libfuzzer_sys::fuzz_target;

const ACCOUNT: &str = "444455556666";
const STEPS: usize = 12;

fuzz_target!(|data: &[u8]| {
    let (text, steps) = match data.iter().rposition(|&byte| byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, [0x00, 0x05].as_slice()),
    };
    // The comment above our entries goes with the last of them, whoever wrote it.
    if let Ok(text) = std::str::from_utf8(text)
        && !text.contains(spelling::HEADER)
    {
        edit(text, &steps[..steps.len().min(STEPS)]);
    }
});

/// YAML's lines, which a carriage return ends as well.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator(['\n', '\r'])
}

fn edit(text: &str, steps: &[u8]) {
    let mut cluster = Cluster::new(&Key::ALL.map(|key| (key, text)));
    cluster.settings.guards.min_admins = 0;
    cluster.privilege(&[ACCOUNT]);
    let before = cluster.aws_auth.clone();
    for &step in steps {
        take(&mut cluster, step);
        cluster.settle();
        for key in Key::ALL {
            let now = &cluster.aws_auth;
            assert!(stand_among(item_bytes(&before, key), item_bytes(now, key)), "an item of {key} changed");
            let block = matches!(before.key(key).reading(), Reading::List(list) if matches!(list.style, ListStyle::Block { .. }));
            assert!(
                !block || stand_among(lines(text), lines(now.text(key))),
                "a line of {key} changed: {:?}",
                now.text(key)
            );
            let foreign = before.key(key).items().len();
            assert_eq!(now.key(key).items().len(), foreign + ours(&cluster, key), "{key}: {}", now.text(key));
        }
        cluster.applied_is_obeyed();
        assert_eq!(cluster.settle(), []);
    }
    cluster.mappings.clear();
    for _ in 0..STEPS {
        cluster.now = Timestamp(cluster.now.0 + AFTER_THE_BRAKE);
        cluster.settle();
    }
    for key in Key::ALL {
        if before.key(key).items().len() > 0 {
            assert_eq!(cluster.aws_auth.text(key), text, "{key} is not as it was");
        } else {
            assert_eq!(cluster.aws_auth.key(key).items().len(), 0, "something is left in {key}");
        }
    }
}

/// How many entries of a key are ours.
fn ours(cluster: &Cluster, key: Key) -> usize {
    let outcomes = cluster.outcomes();
    let applied = cluster.mappings.iter().zip(outcomes).filter(|(_, outcome)| *outcome == Outcome::Applied);
    applied.filter(|(mapping, _)| mapping.spec.as_ref().is_ok_and(|spec| spec.key() == key)).count()
}

fn take(cluster: &mut Cluster, step: u8) {
    let (who, version, goes) = (u32::from(step % 8), step / 8 % 8, step >= 0xc0);
    let mine = mapping(who + 1, spec(who, version));
    cluster.mappings.retain(|mapping| mapping.uid != mine.uid);
    if !goes {
        cluster.mappings.push(mine);
    }
    // The brake and what it holds are another target's.
    cluster.now = Timestamp(cluster.now.0 + AFTER_THE_BRAKE);
}

fn spec(who: u32, version: u8) -> RawSpec {
    let named = |arn: String| RawSpec {
        arn: Some(arn),
        username: Some(format!("name-{version}")),
        groups: (0..version % 3).map(|n| format!("group {n}: '\"#\u{e9}")).collect(),
        ..RawSpec::default()
    };
    match who {
        0..5 => named(role(&format!("r{who}"))),
        5..7 => named(format!("arn:aws:iam::111122223333:user/u{who}")),
        _ => RawSpec { account_id: Some(ACCOUNT.to_owned()), ..RawSpec::default() },
    }
}
