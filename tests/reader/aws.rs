//! AWS as far as aws-iam-authenticator sees it: STS, which says whose the credentials in a token are, and EC2, which
//! says what an instance is called. Not checked: signatures. Whoever knows an access key id may sign with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control_plane::parts::{self, Part};
use control_plane::{Authenticator, Folder};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

/// What tokens are signed for: `sts.us-east-1.amazonaws.com`.
const STS: &str = "sts.us-east-1.amazonaws.com";

/// Somebody with credentials. Every one has an access key of its own.
#[derive(Debug, Clone)]
pub struct Caller {
    access_key: String,
    /// Temporary credentials are good only together with it.
    session_token: Option<String>,
    account: String,
    arn: String,
    user_id: String,
}

/// The stand-in; it ends with the process.
pub struct Aws {
    address: SocketAddr,
    certificates: Folder,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    callers: BTreeMap<String, Caller>,
    /// Private DNS names by instance.
    instances: BTreeMap<String, String>,
}

impl Caller {
    /// An IAM user; `name` with its path.
    pub fn user(account: &str, name: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        Self::new("AIDA", account, arn, String::clone)
    }

    /// A session of a role, under the role's name alone: STS does not tell of a path.
    pub fn session(account: &str, role: &str, session: &str) -> Self {
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
        Self::new("AROA", account, arn, |id| format!("{id}:{session}")).temporary()
    }

    /// What `GetFederationToken` makes of a user.
    pub fn federated(account: &str, name: &str) -> Self {
        let arn = format!("arn:aws:sts::{account}:federated-user/{name}");
        Self::new("AIDA", account, arn, |_| format!("{account}:{name}")).temporary()
    }

    /// The account's owner.
    pub fn root(account: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:root");
        Self::new("AIDA", account, arn, |_| account.to_owned())
    }

    /// The same credentials, incomplete.
    pub fn without_session_token(&self) -> Self {
        Self { session_token: None, ..self.clone() }
    }

    fn new(kind: &str, account: &str, arn: String, user_id: impl FnOnce(&String) -> String) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let user_id = user_id(&format!("{kind}EXAMPLE{number:09}"));
        let access_key = format!("AKIAEXAMPLE{number:09}");
        Self { access_key, session_token: None, account: account.to_owned(), arn, user_id }
    }

    fn temporary(self) -> Self {
        let access_key = self.access_key.replacen("AKIA", "ASIA", 1);
        Self { session_token: Some(format!("session/of+{access_key}==")), access_key, ..self }
    }

    /// The ARN as STS says it.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// A token as `aws eks get-token` makes it, and never the same twice: the API server remembers tokens.
    pub fn token(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/{}/us-east-1/sts/aws4_request", self.access_key, &date[..8]);
        let mut query = vec![
            ("Action", "GetCallerIdentity".to_owned()),
            ("Version", "2011-06-15".to_owned()),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", scope),
            ("X-Amz-Date", date),
            ("X-Amz-Expires", "60".to_owned()),
            ("X-Amz-SignedHeaders", "host;x-k8s-aws-id".to_owned()),
            ("X-Amz-Signature", format!("{:064x}", NEXT.fetch_add(1, Ordering::Relaxed))),
        ];
        query.extend(self.session_token.iter().map(|token| ("X-Amz-Security-Token", token.clone())));
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let url = format!("https://{STS}/?{}", query.join("&"));
        format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))
    }

    /// The credentials as AWS's programs take them.
    pub fn environment(&self) -> Vec<(&'static str, &str)> {
        let mut environment =
            vec![("AWS_ACCESS_KEY_ID", &*self.access_key), ("AWS_SECRET_ACCESS_KEY", "not checked")];
        environment.extend(self.session_token.as_deref().map(|token| ("AWS_SESSION_TOKEN", token)));
        environment
    }
}

impl Aws {
    /// Starts it, knowing nobody.
    pub fn start() -> Self {
        let certificates = certificates();
        let authority = certificates.path().join("cert.pem");
        let certificate = CertificateDer::from_pem_file(&authority).unwrap();
        let private = PrivateKeyDer::from_pem_file(certificates.path().join("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], private)
            .unwrap();
        let (tls, known) = (Arc::new(tls), Arc::<Mutex<Known>>::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn({
            let known = known.clone();
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (tls, known) = (tls.clone(), known.clone());
                    // One that hangs up midway is none of our business: the caller is not let in, and a test says so.
                    thread::spawn(move || serve(stream, tls, &known));
                }
            }
        });
        Self { address, certificates, known }
    }

    /// How the authenticator finds it.
    pub fn authenticator(&self, creator: Option<&str>) -> Authenticator {
        let here = format!("http://{}", self.address);
        Authenticator {
            sts_proxy: here.clone(),
            sts_authority: self.certificates.path().join("cert.pem"),
            ec2: here,
            creator: creator.map(str::to_owned),
        }
    }

    /// Lets credentials be good, those that came first if they have come before.
    pub fn know(&self, caller: &Caller) {
        self.lock().callers.entry(caller.access_key.clone()).or_insert_with(|| caller.clone());
    }

    /// Runs an instance.
    pub fn run_instance(&self, id: &str, private_dns_name: &str) {
        self.lock().instances.insert(id.to_owned(), private_dns_name.to_owned());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A certificate for STS that vouches for itself. The authenticator can make one for any host.
fn certificates() -> Folder {
    let folder = Folder::new().unwrap();
    let generated = folder.path().join("kubeconfig");
    let server = json!({"hostname": STS, "stateDir": folder.path(), "generateKubeconfig": generated});
    let config = folder.path().join("config.json");
    fs::write(&config, json!({"clusterID": "none", "server": server}).to_string()).unwrap();
    let output = Command::new(parts::ensure(Part::AwsIamAuthenticator).unwrap())
        .args(["init", "--feature-gates=ConfiguredInitDirectories=true", "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The head and the body of a request.
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// A proxy's CONNECT leads to STS, whatever else comes is for EC2.
fn serve(mut stream: TcpStream, tls: Arc<ServerConfig>, known: &Mutex<Known>) -> std::io::Result<()> {
    let request = read(&mut stream)?;
    if !request.line.starts_with("CONNECT sts.") {
        let (code, body) = ec2(&request, known);
        return answer(&mut stream, code, "text/xml", &body);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let request = read(&mut stream)?;
    let (code, body) = sts(&request, known);
    answer(&mut stream, code, "application/json", &body)?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn read(stream: &mut impl Read) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream);
    let (mut line, mut headers) = (String::new(), BTreeMap::new());
    lines.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        if lines.read_line(&mut header)? == 0 || header == "\r\n" {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    lines.read_exact(&mut body)?;
    Ok(Request { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn answer(stream: &mut impl Write, code: u16, kind: &str, body: &str) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {code} -\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

/// `GetCallerIdentity`.
fn sts(request: &Request, known: &Mutex<Known>) -> (u16, String) {
    let target = request.line.split(' ').nth(1).unwrap_or_default();
    let query = parameters(target.split_once('?').map_or("", |(_, query)| query));
    let get = |name: &str| query.get(name).map_or("", String::as_str);
    let access_key = get("X-Amz-Credential").split('/').next().unwrap_or_default();
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let caller = known.callers.get(access_key).filter(|caller| {
        get("X-Amz-Security-Token") == caller.session_token.as_deref().unwrap_or_default()
            && request.headers.get("x-k8s-aws-id").is_some_and(|id| id == Authenticator::CLUSTER_ID)
    });
    let Some(Caller { account, arn, user_id, .. }) = caller else {
        return (403, json!({"Error": {"Code": "InvalidClientTokenId"}}).to_string());
    };
    let identity = json!({"Account": account, "Arn": arn, "UserId": user_id});
    let response = json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": identity}});
    (200, response.to_string())
}

/// `DescribeInstances`.
fn ec2(request: &Request, known: &Mutex<Known>) -> (u16, String) {
    let query = parameters(&request.body);
    let id = query.get("InstanceId.1").map_or("", String::as_str);
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(name) = known.instances.get(id) else {
        let error =
            "<Error><Code>InvalidInstanceID.NotFound</Code><Message>no such instance</Message></Error>";
        return (400, format!("<Response><Errors>{error}</Errors></Response>"));
    };
    let instance =
        format!("<item><instanceId>{id}</instanceId><privateDnsName>{name}</privateDnsName></item>");
    let reservations = format!("<item><instancesSet>{instance}</instancesSet></item>");
    let response = format!("<reservationSet>{reservations}</reservationSet>");
    (200, format!("<DescribeInstancesResponse>{response}</DescribeInstancesResponse>"))
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), percent_decoded(value)))
        .collect()
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut decoded: Vec<u8> = pieces.next().unwrap_or_default().bytes().collect();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        decoded.extend(u8::from_str_radix(hex, 16));
        decoded.extend(rest.bytes());
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
