//! A wire between a client and the API server: it counts what goes over it, and it can be cut. It reads nothing of it:
//! what goes over it stays encrypted.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::ControlPlane;
use crate::error::{Doing, Error};

/// A wire. It passes things on until the process ends.
#[derive(Debug)]
pub struct Wire {
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
}

/// How many bytes went over a wire, all that TLS adds among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// To the API server.
    pub there: u64,
    /// From the API server.
    pub back: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// The client's end of each connection.
    open: Mutex<Vec<TcpStream>>,
    there: Arc<AtomicU64>,
    back: Arc<AtomicU64>,
}

impl ControlPlane {
    /// Lays a wire: to whoever uses [`Wire::kubeconfig`] it is the API server. `like` is a kubeconfig of this control
    /// plane's.
    ///
    /// # Errors
    /// When there is no port, or `like` is none of this control plane's.
    pub fn wire(&self, like: &Path) -> Result<Wire, Error> {
        let doing = || format!("lay a wire by {}", like.display());
        let mut kubeconfig: Value = fs::read_to_string(like)
            .and_then(|text| serde_json::from_str(&text).map_err(io::Error::from))
            .doing(doing)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(doing)?;
        let here = listener.local_addr().doing(doing)?;
        let server = &mut kubeconfig["clusters"][0]["cluster"]["server"];
        let beyond = server.as_str().and_then(|url| url.strip_prefix("https://")?.parse::<SocketAddr>().ok());
        let beyond = beyond.ok_or_else(|| io::Error::other("it has no server")).doing(doing)?;
        *server = format!("https://{here}").into();
        let path = self.dir().join(format!("kubeconfig-wire-{}", here.port()));
        fs::write(&path, kubeconfig.to_string()).doing(|| format!("write {}", path.display()))?;
        let shared = Arc::new(Shared::default());
        thread::spawn({
            let shared = shared.clone();
            move || {
                for near in listener.incoming().map_while(Result::ok) {
                    // While the API server is down nobody is beyond: then the client's end is closed too.
                    let _ = TcpStream::connect(beyond).and_then(|far| shared.join(near, &far));
                }
            }
        });
        Ok(Wire { kubeconfig: path, shared })
    }
}

impl Wire {
    /// The kubeconfig that leads over it.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What went over it so far.
    #[must_use]
    pub fn carried(&self) -> Carried {
        let count = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed);
        Carried { there: count(&self.shared.there), back: count(&self.shared.back) }
    }

    /// Cuts every connection, and with them every watch. Returns how many were open.
    #[allow(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn cut(&self) -> usize {
        let open = std::mem::take(&mut *self.shared.open.lock().unwrap_or_else(PoisonError::into_inner));
        // One that has ended cannot be shut.
        open.iter().filter(|end| end.shutdown(Shutdown::Both).is_ok()).count()
    }
}

impl Shared {
    fn join(&self, near: TcpStream, far: &TcpStream) -> io::Result<()> {
        for (from, to, count) in [(&near, far, &self.there), (far, &near, &self.back)] {
            from.set_nodelay(true)?;
            let (from, to, count) = (from.try_clone()?, to.try_clone()?, count.clone());
            thread::spawn(move || {
                // However one direction ends, the connection has ended.
                let _ = pass_on(from, &to, &count);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended would hold their files open.
        open.retain(|end| end.peer_addr().is_ok());
        open.push(near);
        Ok(())
    }
}

fn pass_on(mut from: TcpStream, mut to: &TcpStream, count: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(buffer.get(..length).unwrap_or_default())?;
        count.fetch_add(u64::try_from(length).unwrap_or_default(), Ordering::Relaxed);
    }
}
