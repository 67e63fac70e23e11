//! Dialling the coordinator: one TCP connection, TLS to the end, a proxy's tunnel in between where there is one.

use hyper_util::rt::TokioIo;
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint, Uri};
use wardround_identity::tls::{ClientTls, alert_in_words};

/// Longest time for TCP, proxy and TLS each.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer of a proxy to CONNECT.
const PROXY_ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Where a coordinator is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

/// The coordinator was not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is none.
    #[error("`{0}` is no coordinator's address; write https://HOST:PORT")]
    Address(String),
    /// Nobody there, a refused certificate, a proxy in between.
    #[error("cannot reach the coordinator at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why, in words.
        reason: String,
    },
}

impl std::str::FromStr for Address {
    type Err = DialError;

    fn from_str(text: &str) -> Result<Self, DialError> {
        let refused = || DialError::Address(text.chars().take(200).collect());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let bare = uri.path().trim_end_matches('/').is_empty() && uri.query().is_none();
        match (uri.scheme_str(), uri.host(), uri.port_u16()) {
            (Some("https"), Some(host), port) if bare => {
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                Ok(Self { host, port: port.unwrap_or(443) })
            }
            _ => Err(refused()),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Opens a channel. `HTTPS_PROXY` and `NO_PROXY` are honoured; TLS ends at the coordinator, not at the proxy.
///
/// # Errors
/// [`DialError::Unreachable`] in words that a hospital's IT can act on.
pub async fn dial(address: &Address, tls: ClientTls) -> Result<Channel, DialError> {
    let proxy = proxy_for(address);
    let unreachable = |reason: String| DialError::Unreachable { address: address.to_string(), reason };
    // tonic is told `http`: the connector below brings TLS itself.
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).map_err(|_| DialError::Address(address.to_string()))?;
    let (target, port_host) = (address.clone(), address.host.clone());
    let connector = tower::service_fn(move |_: Uri| {
        let (tls, proxy, target, host) = (tls.clone(), proxy.clone(), target.clone(), port_host.clone());
        async move {
            let stream = match proxy {
                Some(proxy) => tunnel(&proxy, &target).await?,
                None => connect(&target).await?,
            };
            stream.set_nodelay(true)?;
            let mut stream = tls.connect(&host, stream, DIAL_TIMEOUT).await.map_err(std::io::Error::other)?;
            // In TLS 1.3 a refused certificate is heard of only after the handshake, and HTTP/2 would lose the reason. A
            // server that accepts it speaks first: its settings wait here, unread, for HTTP/2.
            let first = tokio::time::timeout(DIAL_TIMEOUT, stream.fill_buf()).await;
            first.map_err(|_| timed_out("the coordinator said nothing"))??;
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    });
    let channel = wardround_proto::endpoint(endpoint).connect_with_connector(connector).await;
    channel.map_err(|error| unreachable(in_words(&error)))
}

/// What a failed call or connection means: TLS alerts in plain words, otherwise the innermost cause.
pub fn in_words(error: &(dyn Error + 'static)) -> String {
    alert_in_words(error).unwrap_or_else(|| {
        let innermost = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source()).last();
        innermost.map(ToString::to_string).unwrap_or_default()
    })
}

async fn connect(address: &Address) -> std::io::Result<TcpStream> {
    let connecting = TcpStream::connect((address.host.as_str(), address.port));
    tokio::time::timeout(DIAL_TIMEOUT, connecting).await.map_err(|_| timed_out("nothing answered"))?
}

/// HTTP CONNECT (RFC 9110 section 9.3.6).
async fn tunnel(proxy: &Address, target: &Address) -> std::io::Result<TcpStream> {
    let mut stream = connect(proxy).await?;
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let answer = tokio::time::timeout(DIAL_TIMEOUT, proxy_answer(&mut stream)).await;
    let answer = answer.map_err(|_| timed_out("the proxy did not answer"))??;
    let first = answer.lines().next().unwrap_or_default();
    match first.split_whitespace().nth(1) {
        Some(code) if code.starts_with('2') => Ok(stream),
        _ => Err(std::io::Error::other(format!("the proxy {proxy} said `{first}`; ask for {target} to be allowed"))),
    }
}

/// Byte by byte up to the empty line: what follows it belongs to TLS.
async fn proxy_answer(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= PROXY_ANSWER_BYTES_MAX {
            return Err(std::io::Error::other("the proxy's answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn proxy_for(address: &Address) -> Option<Address> {
    let variable = |name: &str| std::env::var(name).or_else(|_| std::env::var(name.to_lowercase())).unwrap_or_default();
    let loopback =
        address.host == "localhost" || address.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let direct = variable("NO_PROXY");
    let mut direct = direct.split(',').map(|name| name.trim().trim_start_matches('.')).filter(|name| !name.is_empty());
    if loopback || direct.any(|name| name == "*" || address.host == name || address.host.ends_with(&format!(".{name}")))
    {
        return None;
    }
    let proxy: Uri = variable("HTTPS_PROXY").parse().ok()?;
    Some(Address { host: proxy.host()?.to_owned(), port: proxy.port_u16().unwrap_or(80) })
}

fn timed_out(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{what} within {} s", DIAL_TIMEOUT.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_with_host_and_port() {
        let text = |given: &str| given.parse::<Address>().map(|address| address.to_string());
        assert_eq!(text("https://fed.example:8443").expect("good"), "fed.example:8443");
        assert_eq!(text("https://fed.example/").expect("good"), "fed.example:443");
        assert_eq!(text("https://[::1]:9").expect("good"), "[::1]:9");
        for bad in ["http://fed.example:1", "fed.example:1", "https://", "https://fed.example/path", ""] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_says_no_is_quoted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.expect("writes");
            let _ = stream.read(&mut [0; 256]).await;
        });
        let proxy = Address { host: "127.0.0.1".into(), port };
        let target = Address { host: "fed.example".into(), port: 443 };
        let error = tunnel(&proxy, &target).await.expect_err("forbidden");
        assert!(error.to_string().contains("403 Forbidden"), "{error}");
    }
}
