//! HTTP/2 and TCP settings of both sides, in one place.
//!
//! The windows let one upload fill a path of 80 ms at 400 Mbit/s; hyper's defaults stop near 100. The pings keep an idle
//! connection alive in the address translators and proxies of hospitals, which forget it after 60 to 350 s.

use std::time::Duration;
use tonic::transport::{Endpoint, Server};

/// Bytes in flight on one stream, at most.
pub const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes in flight on one connection, at most.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Largest HTTP/2 frame: one chunk in about one frame.
pub const FRAME_BYTES_MAX: u32 = 256 * 1024;
/// How often each side pings, also while idle.
pub const PING_EVERY: Duration = Duration::from_secs(30);
/// How long a ping may stay unanswered before the connection counts as broken.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection may be idle before TCP itself probes it.
pub const TCP_KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// A server with the settings of the house.
pub fn server() -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .tcp_keepalive(Some(TCP_KEEPALIVE_AFTER))
        .tcp_nodelay(true)
}

/// `endpoint` with the settings of the house.
pub fn endpoint(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .tcp_keepalive(Some(TCP_KEEPALIVE_AFTER))
        .tcp_nodelay(true)
}
