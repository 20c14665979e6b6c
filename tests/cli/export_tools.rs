//! What `export` makes is accepted by the tools that it is for, or by what they read it with, and says the same there.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use control_plane::parts::{self, Part};
use serde_json::{Value, json};

use super::export::{exported, found, people};
use super::{Files, data, run, said};

/// A request: the path and the body.
type Asked = (String, Value);

/// EKS as far as the AWS CLI asks it here: says yes, and tells what it was asked.
fn eks() -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    thread::spawn(move || {
        // Ends with the process.
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream, &sender);
        }
    });
    (address, asked)
}

fn answer(mut stream: TcpStream, sender: &Sender<Asked>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut length) = (String::new(), 0);
    lines.read_line(&mut request).unwrap();
    loop {
        let mut header = String::new();
        if lines.read_line(&mut header).unwrap() == 0 || header == "\r\n" {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    _ = sender.send((path, serde_json::from_slice(&body).unwrap()));
    let said = "{}";
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
        said.len()
    )
    .unwrap();
}

/// Runs a script with the real AWS CLI, which asks this endpoint.
fn with_aws_cli(script: &str, endpoint: &str) -> super::Said {
    let files = Files::new();
    let aws = parts::ensure(Part::Aws).unwrap();
    let path = format!("{}:{}", aws.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.arg(files.write("script", script)).env("PATH", path).env("HOME", files.path());
    for (name, value) in [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_MAX_ATTEMPTS", "1"),
    ] {
        command.env(name, value);
    }
    command.env_remove("AWS_PROFILE").env_remove("AWS_CONFIG_FILE");
    said(command, "")
}

#[test]
fn the_aws_cli_takes_every_command_and_asks_eks_for_the_same_people() {
    let (endpoint, asked) = eks();
    let said = with_aws_cli(&exported("aws-cli").out, &endpoint);
    assert_eq!(said.code, 0, "{said:?}");
    let asked: Vec<Asked> = asked.try_iter().collect();
    let made: Vec<Value> = asked
        .iter()
        .filter(|(path, _)| path == "/clusters/prod/access-entries")
        .map(|(_, body)| body.clone())
        .collect();
    assert_eq!(found(&made, ["principalArn", "username", "kubernetesGroups"]), people());
    let policies: Vec<&Value> =
        asked.iter().filter(|(path, _)| path.ends_with("/access-policies")).map(|(_, body)| body).collect();
    assert_eq!(
        policies,
        [
            &json!({"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", "accessScope": {"type": "cluster"}})
        ]
    );
    assert_eq!(asked.len(), made.len() + policies.len());

    // It would have said so: a word that it does not know, and one that is missing, ask nobody.
    for wrong in ["--groups x", "--type"] {
        let script = format!("aws eks create-access-entry --cluster-name prod --principal-arn x {wrong}\n");
        assert_ne!(with_aws_cli(&script, &endpoint).code, 0, "{wrong}");
    }
}

#[test]
fn no_access_entry_is_made_twice_in_the_whole_corpus() {
    for file in std::fs::read_dir(data("corpus")).unwrap() {
        let file = file.unwrap().path().display().to_string();
        let json = run(&["export", "--to", "json", "--aws-auth", &file]).json();
        let all: Vec<String> = json["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["principalArn"].to_string().to_lowercase())
            .collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{file}: {all:?}");
    }
}
