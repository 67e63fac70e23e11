//! The connection to the coordinator: opened, kept, opened again.

use crate::backoff::Backoff;
use crate::dial::{Address, dial, in_words};
use rand::SeedableRng;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use wardround_identity::tls::{ClientTls, Clock};
use wardround_identity::{Credentials, IdentityError};
use wardround_proto::v1;
use wardround_proto::v1::control_client::ControlClient;
use wardround_round::{FromSite, ToSite};

/// The protocol spoken here.
pub const PROTOCOL: u32 = 1;
/// Messages to the coordinator that may wait.
const OUTBOX_MAX: usize = 256;
/// A connection that lived this long was a good one: the next failure waits short again.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// An open connection.
#[derive(Clone)]
pub struct Session {
    /// For transfers.
    pub channel: Channel,
    outbox: mpsc::Sender<v1::FromSite>,
}

/// What happens to the connection.
pub enum SessionEvent {
    /// It is open.
    Up,
    /// The coordinator said something.
    Said(ToSite),
    /// It ended or could not be opened; it is tried again after the wait.
    Down {
        /// Why, in words.
        reason: String,
        /// How long until the next attempt.
        retry_in: Duration,
    },
}

/// Where and as whom to dial.
pub struct Dialing {
    /// The coordinator.
    pub address: Address,
    /// Loads the credentials anew for each attempt: they are renewed while the site runs.
    pub credentials: Box<dyn Fn() -> Result<Credentials, IdentityError> + Send + Sync>,
}

impl Session {
    /// Says something; false if the connection has ended or the coordinator does not read.
    pub fn say(&self, message: FromSite) -> bool {
        self.outbox.try_send(message.into()).is_ok()
    }
}

/// Keeps a session open until the receiver of events is gone.
pub async fn keep(dialing: Dialing, current: watch::Sender<Option<Session>>, events: mpsc::Sender<SessionEvent>) {
    let (mut backoff, mut rng) = (Backoff::default(), rand::rngs::StdRng::from_rng(&mut rand::rng()));
    while !events.is_closed() {
        let begun = Instant::now();
        let reason = attend(&dialing, &current, &events).await;
        current.send_replace(None);
        if begun.elapsed() >= HEALTHY_AFTER {
            backoff.succeeded();
        }
        let retry_in = backoff.failed(&mut rng);
        if events.send(SessionEvent::Down { reason, retry_in }).await.is_err() {
            return;
        }
        tokio::time::sleep(retry_in).await;
    }
}

/// One connection from beginning to end; gives the reason of its end.
async fn attend(
    dialing: &Dialing,
    current: &watch::Sender<Option<Session>>,
    events: &mpsc::Sender<SessionEvent>,
) -> String {
    match open(dialing).await {
        Ok((session, mut said)) => {
            current.send_replace(Some(session));
            if events.send(SessionEvent::Up).await.is_err() {
                return String::new();
            }
            loop {
                match said.message().await {
                    Ok(Some(message)) => match ToSite::try_from(message) {
                        Ok(message) => drop(events.send(SessionEvent::Said(message)).await),
                        Err(error) => return format!("the coordinator said something malformed: {error}"),
                    },
                    Ok(None) => return "the coordinator closed the connection".into(),
                    Err(status) => return status_in_words(&status),
                }
            }
        }
        Err(reason) => reason,
    }
}

async fn open(dialing: &Dialing) -> Result<(Session, tonic::Streaming<v1::ToSite>), String> {
    let credentials = (dialing.credentials)().map_err(|error| error.to_string())?;
    let tls = ClientTls::peer(&credentials, &Clock::system()).map_err(|error| error.to_string())?;
    let channel = dial(&dialing.address, tls).await.map_err(|error| error.to_string())?;
    let (outbox, outgoing) = mpsc::channel(OUTBOX_MAX);
    let hello = v1::Hello { software_version: env!("CARGO_PKG_VERSION").into(), protocol: PROTOCOL };
    let first = v1::FromSite { message: Some(v1::from_site::Message::Hello(hello)) };
    outbox.send(first).await.map_err(|error| error.to_string())?;
    let said = ControlClient::new(channel.clone())
        .max_decoding_message_size(wardround_proto::MESSAGE_BYTES_MAX)
        .attend(ReceiverStream::new(outgoing))
        .await
        .map_err(|status| status_in_words(&status))?;
    Ok((Session { channel, outbox }, said.into_inner()))
}

/// In TLS 1.3 a refused certificate shows up only here, as a failed call.
pub fn status_in_words(status: &tonic::Status) -> String {
    use std::error::Error;
    match (wardround_proto::CallRefusal::of(status), status.source()) {
        (Some(refusal), _) => refusal.to_string(),
        (None, Some(source)) => in_words(source),
        (None, None) => status.message().to_owned(),
    }
}
