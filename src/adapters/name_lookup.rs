//! Looking up the addresses of a provider's host, and telling whose fault it is when there are none.
//!
//! The system's resolver says the same, that it failed for now, when it cannot reach its own name server and when the name
//! servers of the host do not answer. The first concerns every provider and says nothing about any. So after such a failure
//! another name is looked up, of which every name server that works knows that there is no such name: those under `invalid`
//! (RFC 6761, section 6.4).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// The name that nobody has.
const NOBODY: &str = "relevo.invalid";

/// A lookup failed because the name server of this machine does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the name server of this machine does not answer")]
pub(in crate::adapters) struct ResolverDown;

/// Connects to a host. Whoever calls it ends it when `limit` is over.
///
/// # Errors
/// When that fails. [`ResolverDown`] is its cause where this machine's name server is.
pub(in crate::adapters) async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    TcpStream::connect(&*addresses(host, port, limit).await?).await
}

/// The resolver of reqwest's clients.
#[derive(Debug)]
pub(in crate::adapters) struct HttpResolver {
    /// How long it may take to connect.
    pub connect_timeout: Duration,
}

impl Resolve for HttpResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let limit = self.connect_timeout;
        Box::pin(async move {
            // reqwest sets the port.
            let found = addresses(name.as_str(), 0, limit).await?;
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// The addresses of a host. A third of `limit`, the time for connecting, is left to connect to one of them.
async fn addresses(host: &str, port: u16, limit: Duration) -> io::Result<Vec<SocketAddr>> {
    let patience = limit / 3;
    let found = match timeout(patience, lookup_host((host, port))).await {
        Ok(Ok(found)) => return Ok(found.collect()),
        Ok(Err(error)) => error,
        Err(_) => io::Error::new(io::ErrorKind::TimedOut, format!("looking up {host} took too long")),
    };
    let is_down = is_temporary(&found) && !answers(timeout(patience, lookup_host((NOBODY, port))).await);
    Err(if is_down { io::Error::other(ResolverDown) } else { found })
}

/// Whether the answer to the lookup of a name that nobody has shows that the name server works.
fn answers<T>(looked_up: Result<io::Result<T>, tokio::time::error::Elapsed>) -> bool {
    match looked_up {
        // Some lead whoever mistypes a name to a page of their own.
        Ok(Ok(_)) => true,
        Ok(Err(error)) => !is_temporary(&error),
        Err(_) => false,
    }
}

/// Whether a lookup failed for now. The system has a code for it (EAI_AGAIN), of which the standard library keeps the text
/// alone: glibc's or musl's.
fn is_temporary(error: &io::Error) -> bool {
    let text = error.to_string();
    error.kind() == io::ErrorKind::TimedOut
        || text.contains("Temporary failure in name resolution")
        || text.contains("Try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_and_names_of_this_machine_are_found() {
        for host in ["127.0.0.1", "localhost"] {
            let found = addresses(host, 25, Duration::from_secs(3)).await.unwrap();
            assert!(found.contains(&"127.0.0.1:25".parse().unwrap()), "{host}: {found:?}");
        }
    }
}
