//! The ownership record: what was written is read back, and what anybody else puts in its place takes no more from
//! people than the guards let go: no node entry, not the last admin, nothing beyond the brake, nothing that the record
//! does not name.
//!
//! The first byte says whether the rest is the annotation itself, its bytes before base64, or rows that fit what
//! stands.

#![no_main]

use std::collections::BTreeSet;

use aws_auth::arn::PrincipalKey;
use aws_auth::guards::is_node;
use aws_auth::mapping::{RawSpec, Uid};
use aws_auth::ownership::{ANNOTATION, EntryHash, Owned, PrincipalHash, Record};
use aws_auth::plan::ChangeKind;
use aws_auth::window::{Removal, Window};
use aws_auth::{Entry, Key, Timestamp};
use aws_auth_fuzz::{CLUSTER, Cluster, mapping, role};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use libfuzzer_sys::fuzz_target;

/// What the brake lets go at the most, whatever the record says was owned.
const BRAKE: usize = 10;
/// A UID, a principal, an entry, and whether it stood alone.
const ROW: usize = 4;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let cluster = cluster();
    let value = match kind % 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => STANDARD_NO_PAD.encode(rest),
        _ => rows(&cluster, rest).encode(CLUSTER),
    };
    let record = Record::decode(Some(&value), CLUSTER);
    if let Ok(record) = &record {
        let again = record.encode(CLUSTER);
        assert_eq!(Record::decode(Some(&again), CLUSTER).as_ref(), Ok(record));
        assert!(Record::decode(Some(&again), Uid([7; 16])).is_err(), "another cluster's");
        let rows = i64::try_from(record.rows().len()).unwrap_or(i64::MAX);
        assert!(again.len() <= Record::encoded_len(rows));
    }
    forged(cluster, value, record.ok().as_ref());
});

/// Nodes, an admin, six others, one of them twice.
fn cluster() -> Cluster {
    let mut text = String::from(
        "- {rolearn: \"arn:aws:iam::111122223333:role/nodes\", username: n, groups: [\"system:nodes\"]}\n- {rolearn: \"arn:aws:iam::111122223333:role/ops\", username: o, groups: [\"system:masters\"]}\n",
    );
    let dev = |n: u8| format!("- rolearn: {}\n  username: dev{n}\n  groups: [g]\n", role(&format!("dev{n}")));
    text.extend([0, 1, 2, 3, 3, 4].map(dev));
    Cluster::new(&[(Key::MapRoles, &text)])
}

/// A record that claims what stands: a row and perhaps a removal for each four bytes.
fn rows(cluster: &Cluster, bytes: &[u8]) -> Record {
    let items = cluster.served(Key::MapRoles);
    let (rows, _) = bytes.as_chunks::<ROW>();
    let mut window = Window::default();
    let owned = rows.iter().map(|&[who, principal, entry, more]| {
        let named = |n: u8| &items[usize::from(n) % items.len()];
        let principal = PrincipalHash::of(&PrincipalKey::of(&named(principal).arn));
        if more & 2 == 2 {
            let at = [0, i64::MIN, i64::MAX, cluster.now.0, cluster.now.0 - 300, cluster.now.0 + 300];
            let at = Timestamp(at[usize::from(more >> 2) % at.len()]);
            window.push(Removal { at, principal, owned: u32::from(more) });
        }
        Owned {
            uid: Uid([who; 16]),
            principal,
            entry: EntryHash::of(Key::MapRoles, named(entry)),
            alone: more & 1 == 1,
        }
    });
    let owned = owned.collect();
    Record::new(owned, window)
}

fn forged(mut cluster: Cluster, value: String, record: Option<&Record>) {
    cluster.annotate(ANNOTATION, value);
    let before = cluster.served(Key::MapRoles);
    // A mapping makes the operator write, whatever it thinks of the record.
    let dev9 = RawSpec { arn: Some(role("dev9")), username: Some("u".to_owned()), ..RawSpec::default() };
    cluster.mappings.push(mapping(900, dev9));
    let named: BTreeSet<PrincipalHash> =
        record.into_iter().flat_map(Record::rows).map(|row| row.principal).collect();
    let mut gone = 0;
    for change in cluster.settle() {
        match change.kind {
            ChangeKind::Remove => {
                gone += 1;
                let principal = PrincipalHash::of(&PrincipalKey::of(&change.principal));
                assert!(
                    named.contains(&principal),
                    "{} goes, and the record does not name it",
                    change.principal
                );
            }
            ChangeKind::Add => assert_eq!(change.principal, role("dev9")),
            other => panic!("{other} of {}: nobody asked for that", change.principal),
        }
    }
    assert!(gone <= BRAKE, "{gone} entries went");
    let after = cluster.served(Key::MapRoles);
    let kept = |entry: &&Entry| is_node(entry) || entry.groups.contains(&"system:masters".to_owned());
    for entry in before.iter().filter(kept) {
        assert!(after.contains(entry), "{} is gone", entry.arn);
    }
    assert_eq!(after.len(), before.len() - gone + 1);
}
