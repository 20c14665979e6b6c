//! aws-iam-authenticator as the API server's token webhook, put together as on EKS: it asks STS who a token is from,
//! looks into aws-auth first, and then into a file that nobody inside the cluster sees, where the cluster's creator
//! is. Not AWS: what answers for STS and EC2 on this machine is the caller's.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::control_plane::wait_until_ready;
use crate::error::{Doing, Error};
use crate::parts::{self, Part};
use crate::process::Server;

const NAME: &str = "aws-iam-authenticator";

/// How aws-iam-authenticator is started, with [`Options::authenticator`](crate::Options::authenticator).
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// The HTTP proxy through which it reaches `https://sts.*`: whatever answers there is STS for it.
    pub sts_proxy: String,
    /// A PEM file with the authority that vouches for the certificate of that STS.
    pub sts_authority: PathBuf,
    /// Where it finds EC2, which it asks for the names of nodes.
    pub ec2: String,
    /// The ARN of the role that made the cluster: `kubernetes-admin` in `system:masters`, unless aws-auth has it.
    pub creator: Option<String>,
}

impl Authenticator {
    /// What a token must be signed for (the header `x-k8s-aws-id`).
    pub const CLUSTER_ID: &'static str = "control-plane";
}

/// One whose files are written: the API server can be told of it.
#[derive(Debug)]
pub(crate) struct Webhook {
    settings: Authenticator,
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    // Dropped with the rest; nobody asks for it.
    server: Option<Server>,
}

impl Webhook {
    /// Writes its configuration, certificate, and the kubeconfig by which the API server finds it.
    pub(crate) fn prepare(settings: Authenticator, dir: &Path, port: u16) -> Result<Self, Error> {
        let program = parts::ensure(Part::AwsIamAuthenticator)?;
        let folder = dir.join(NAME);
        fs::create_dir(&folder).doing(|| format!("create {}", folder.display()))?;
        let webhook = Self { settings, program, folder, port, server: None };
        webhook.write_config(dir)?;
        let mut command = Command::new(&webhook.program);
        command.args(["init", "--feature-gates=ConfiguredInitDirectories=true"]).arg(webhook.config_flag());
        let output =
            command.stdin(Stdio::null()).output().doing(|| format!("run {}", webhook.program.display()))?;
        if output.status.success() {
            return Ok(webhook);
        }
        Err(Error::Ended { server: NAME, log: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
    }

    /// By which the API server finds it.
    pub(crate) fn kubeconfig_path(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Starts it and waits until it listens. It looks for the API server at once, and again only after five seconds.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        let Authenticator { sts_proxy, sts_authority, ec2, .. } = &self.settings;
        let flags = vec![
            format!("HTTPS_PROXY={sts_proxy}"),
            format!("SSL_CERT_FILE={}", sts_authority.display()),
            format!("AWS_ENDPOINT_URL_EC2={ec2}"),
            // Nothing of this machine's own AWS settings, and nothing asked of the network it is in.
            "AWS_EC2_METADATA_DISABLED=true".to_owned(),
            "AWS_CONFIG_FILE=/dev/null".to_owned(),
            "AWS_SHARED_CREDENTIALS_FILE=/dev/null".to_owned(),
            "AWS_REGION=us-east-1".to_owned(),
            "AWS_ACCESS_KEY_ID=authenticator".to_owned(),
            "AWS_SECRET_ACCESS_KEY=authenticator".to_owned(),
            self.program.display().to_string(),
            "server".to_owned(),
            self.config_flag(),
        ];
        let log = self.folder.join("log");
        let mut server = Server::start(Path::new("env"), flags, &log)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let look = || TcpStream::connect(address).map(drop).map_err(|error| error.to_string());
        wait_until_ready(NAME, &log, &mut server, look)?;
        self.server = Some(server);
        Ok(())
    }

    fn config_flag(&self) -> String {
        format!("--config={}", self.config_path().display())
    }

    fn config_path(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    fn write_config(&self, dir: &Path) -> Result<(), Error> {
        let creators: Vec<_> = self.settings.creator.iter().collect();
        let roles: Vec<_> = creators
            .into_iter()
            .map(|arn| json!({"rolearn": arn, "username": "kubernetes-admin", "groups": ["system:masters"]}))
            .collect();
        let config = json!({
            "clusterID": Authenticator::CLUSTER_ID,
            "server": {
                "address": "127.0.0.1",
                "hostname": "127.0.0.1",
                "port": self.port,
                "stateDir": self.folder,
                "generateKubeconfig": self.kubeconfig_path(),
                "kubeconfigPregenerated": true,
                "kubeconfig": dir.join("kubeconfig"),
                "backendMode": ["EKSConfigMap", "MountedFile"],
                "mapRoles": roles,
            },
        });
        let path = self.config_path();
        fs::write(&path, config.to_string()).doing(|| format!("write {}", path.display()))
    }
}
