//! TLS by a certificate and a key in files, read when the server starts and again at SIGHUP.
//!
//! Not here: connections without it, and who may ask.

use kitaru_engine::manage::ManageError;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// Speaks TLS with whoever connects.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    files: (PathBuf, PathBuf),
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// With the certificates and the key in those files.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, ManageError> {
        let config = RwLock::new(config(cert, key)?);
        Ok(Self { shared: Arc::new(Shared { files: (cert.to_owned(), key.to_owned()), config }) })
    }

    /// Reads the files again; if they are no good, all stays as it was.
    pub fn read_again(&self) -> Result<(), ManageError> {
        let (cert, key) = &self.shared.files;
        let new = config(cert, key)?;
        *self.shared.config.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Speaks it with a new connection.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.shared.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }
}

fn config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, ManageError> {
    let wrong = |path: &Path, why: &dyn std::fmt::Display| {
        let hint = "the files are PEM: the certificate with those that it depends on, and its key".to_owned();
        ManageError::new("bad-certificate", format!("{}: {why}", path.display()), Some(hint))
    };
    let certs = CertificateDer::pem_file_iter(cert).map_err(|error| wrong(cert, &error))?;
    let certs: Vec<_> = certs.collect::<Result<_, _>>().map_err(|error| wrong(cert, &error))?;
    if certs.is_empty() {
        return Err(wrong(cert, &"there is no certificate in it"));
    }
    // What is wrong with a key is told without a word of what is in it.
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| wrong(cert, &error))?;
    let mut config =
        builder.with_no_client_auth().with_single_cert(certs, secret).map_err(|error| wrong(key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
