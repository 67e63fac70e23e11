//! The control stream of a site: opened by the site, kept open, messages both ways.
//!
//! What a site says and hears is [`Control::converse`]; that gRPC carries it is the service around it. Whoever has to stand
//! between a coordinator and its sites, as a test of what sites bear does, puts another service around the same part
//! ([`crate::Coordinator::with_control`]).

use crate::driver::{AttendanceId, DriverHandle, Request};
use crate::rights::Gate;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Extensions, Response, Status, Streaming};
use wardround_plan::SiteId;
use wardround_proto::{CallRefusal, v1};
use wardround_round::FromSite;

/// The protocol spoken here; a site says which one it speaks.
pub const PROTOCOL: u32 = 1;
/// Messages to one site that may wait for its reading.
const OUTBOX_MAX: usize = 256;
/// How long a site may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// The service behind `wardround.v1.Control`.
pub struct Control {
    driver: DriverHandle,
    gate: Gate,
    next: AtomicU64,
}

impl Control {
    /// Hands what sites say to the driver.
    pub(crate) fn new(driver: DriverHandle, gate: Gate) -> Self {
        Self { driver, gate, next: AtomicU64::new(0) }
    }

    /// The calling site.
    ///
    /// # Errors
    /// No certificate, a revoked one, or that of another role.
    pub fn caller(&self, extensions: &Extensions) -> Result<SiteId, CallRefusal> {
        self.gate.admit_site(extensions)
    }

    /// Lets a site in that says hello, and hears it until its messages end, break or say something malformed. What comes out
    /// is for the site, and ends when the coordinator has nothing more to say on this stream.
    pub fn converse<S>(&self, site: SiteId, said: S) -> impl Stream<Item = v1::ToSite> + Send + use<S>
    where
        S: Stream<Item = Result<v1::FromSite, Status>> + Send + Unpin + 'static,
    {
        let id = AttendanceId(self.next.fetch_add(1, Ordering::Relaxed));
        let (messages_in, messages) = mpsc::channel(OUTBOX_MAX);
        tokio::spawn(listen(self.driver.clone(), site, id, messages_in, said));
        ReceiverStream::new(messages).map(v1::ToSite::from)
    }
}

#[tonic::async_trait]
impl v1::control_server::Control for Control {
    type AttendStream = Pin<Box<dyn Stream<Item = Result<v1::ToSite, Status>> + Send>>;

    async fn attend(
        &self,
        request: tonic::Request<Streaming<v1::FromSite>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let site = self.caller(request.extensions())?;
        let messages = self.converse(site, request.into_inner());
        Ok(Response::new(Box::pin(messages.map(Ok))))
    }
}

/// Reads a site's messages until its stream ends, breaks or says something malformed.
async fn listen(
    driver: DriverHandle,
    site: SiteId,
    id: AttendanceId,
    messages: mpsc::Sender<wardround_round::ToSite>,
    mut said: impl Stream<Item = Result<v1::FromSite, Status>> + Unpin,
) {
    if let Err(refusal) = hello(&mut said).await {
        tracing::warn!(%site, reason = %refusal, "not let in");
        return;
    }
    driver.send(Request::Arrived(site.clone(), id, messages)).await;
    while let Some(Ok(message)) = said.next().await {
        match FromSite::try_from(message) {
            Ok(message) => driver.send(Request::Said(site.clone(), message)).await,
            Err(error) => {
                tracing::warn!(%site, %error, "said something malformed; its stream is closed");
                break;
            }
        };
    }
    driver.send(Request::Left(site, id)).await;
}

async fn hello(said: &mut (impl Stream<Item = Result<v1::FromSite, Status>> + Unpin)) -> Result<(), CallRefusal> {
    let first = tokio::time::timeout(HELLO_TIMEOUT, said.next()).await.map_err(|_| CallRefusal::Idle)?;
    match first.and_then(Result::ok).and_then(|first| first.message) {
        Some(v1::from_site::Message::Hello(hello)) if hello.protocol == PROTOCOL => Ok(()),
        _ => Err(CallRefusal::Malformed),
    }
}
