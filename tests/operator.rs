//! The operator on a real API server: the first things that anybody would try.

mod common;

use common::{
    InProcess, Process, apply, aws_auth, control_plane, eventually, foreign_aws_auth, mapping, reason,
};

const NODES: &str = "# the nodes\n- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n- rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin\n  groups: [system:masters]\n";

#[test]
fn a_mapping_becomes_an_entry_and_says_so_and_goes_again_with_its_object() {
    let plane = control_plane();
    apply(&plane, &foreign_aws_auth(NODES));
    let _operator = InProcess::start(&plane);

    apply(&plane, &mapping("dev", &["developers"]));
    plane.kubectl(&["wait", "--for=condition=Ready", "iamm/dev", "--timeout=30s"], None).unwrap();
    let with = aws_auth(&plane, "mapRoles");
    assert!(with.starts_with(NODES), "{with}");
    assert!(with.contains("role/dev") && with.contains("developers"), "{with}");

    apply(&plane, &mapping("dev", &["testers"]));
    eventually("the change is in aws-auth", || {
        aws_auth(&plane, "mapRoles").contains("testers").then_some(())
    });

    plane.kubectl(&["delete", "iamm", "dev"], None).unwrap();
    eventually("aws-auth is as it was", || (aws_auth(&plane, "mapRoles") == NODES).then_some(()));
}

#[test]
fn the_binary_creates_a_missing_aws_auth_and_ends_cleanly_when_told_to() {
    let plane = control_plane();
    let operator = Process::start(&plane, &[]);
    apply(&plane, &mapping("dev", &["developers"]));
    eventually("the mapping is ready", || (reason(&plane, "dev") == "Applied").then_some(()));
    assert!(operator.get("/metrics").contains("aws_auth_writes_total{result=\"ok\"} 1"));
    operator.signal("TERM");
    assert_eq!(operator.exit_code(), Some(0));
    let lease =
        ["get", "lease", "aws-auth-operator", "-n", "kube-system", "-o", "jsonpath={.spec.holderIdentity}"];
    assert_eq!(plane.kubectl(&lease, None).unwrap(), "");
}
