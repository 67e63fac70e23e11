//! A site that the test speaks for: enrolled and certified like any other, and free to say what it likes.

use crate::place::Place;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use wardround_client::{Address, dial};
use wardround_identity::Credentials;
use wardround_identity::tls::{ClientTls, Clock};
use wardround_plan::{Digest, Timestamp};
use wardround_proto::v1::control_client::ControlClient;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::v1::{FinishUploadRequest, Hello, OpenUploadRequest, from_site};
use wardround_proto::{Announced, CallRefusal, UploadPurpose, UploadRequest, encode_chunk, v1};
use wardround_round::{FromSite, Invitation, Offer, RoundId, ToSite};

/// The site's side of one connection.
pub struct Puppet {
    outbox: mpsc::Sender<v1::FromSite>,
    said: Streaming<v1::ToSite>,
    transfer: TransferClient<Channel>,
}

/// An update as it is announced and as it is sent.
pub struct Sent {
    pub announced: Announced,
    pub bytes: Bytes,
}

impl Sent {
    /// Announced as what it is.
    pub fn honest(bytes: Vec<u8>) -> Self {
        let announced = Announced { digest: Digest::of(&bytes), size_bytes: bytes.len() as u64 };
        Self { announced, bytes: bytes.into() }
    }
}

impl Puppet {
    /// Dials in with the credentials of `site`, and accepts what is offered.
    pub async fn dial(place: &Place, site: &str) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let now = Timestamp::from_ms(now.as_millis() as u64);
        let credentials = Credentials::load(&place.site(site).join("credentials"), now).expect("enrolled");
        let tls = ClientTls::peer(&credentials, &Clock::system()).expect("good credentials");
        let address: Address = place.address().parse().expect("an address");
        let channel = dial(&address, tls).await.expect("it listens");
        let (outbox, outgoing) = mpsc::channel(16);
        let hello = Hello { software_version: "puppet".into(), protocol: 1 };
        let hello = v1::FromSite { message: Some(from_site::Message::Hello(hello)) };
        outbox.send(hello).await.expect("just made");
        let said = ControlClient::new(channel.clone()).attend(ReceiverStream::new(outgoing)).await.expect("let in");
        let mut puppet = Self { outbox, said: said.into_inner(), transfer: TransferClient::new(channel) };
        let offer = puppet.offer().await;
        puppet.say(FromSite::StudyAnswer { study: offer.study, plan: offer.plan_digest, answer: Ok(()) }).await;
        puppet
    }

    /// Says something.
    pub async fn say(&self, message: FromSite) {
        self.outbox.send(message.into()).await.expect("the stream is open");
    }

    /// The next invitation; whatever else is said is let pass.
    pub async fn invitation(&mut self) -> Invitation {
        loop {
            if let ToSite::Invitation(invitation) = self.listen().await {
                return invitation;
            }
        }
    }

    async fn offer(&mut self) -> Offer {
        loop {
            if let ToSite::Offer(offer) = self.listen().await {
                return offer;
            }
        }
    }

    async fn listen(&mut self) -> ToSite {
        let message = self.said.message().await.expect("the stream is open").expect("the stream goes on");
        ToSite::try_from(message).expect("the coordinator is well-behaved")
    }

    /// Sends an update; gives the word of the refusal.
    pub async fn send(&mut self, id: &RoundId, update: Sent) -> Result<(), CallRefusal> {
        let sent = self.try_send(id, update).await;
        sent.map_err(|status| CallRefusal::of(&status).unwrap_or_else(|| panic!("not of the vocabulary: {status}")))
    }

    async fn try_send(&mut self, id: &RoundId, update: Sent) -> Result<(), Status> {
        let request = UploadRequest { purpose: UploadPurpose::Summand(id.clone()), object: update.announced };
        let opened = self.transfer.open_upload(OpenUploadRequest::from(&request)).await?.into_inner();
        if !opened.already_complete {
            let rest = update.bytes.slice(opened.committed_offset as usize..);
            let chunk = encode_chunk(opened.committed_offset, rest);
            let chunk = v1::Chunk { upload_id: opened.upload_id.clone(), ..chunk };
            self.transfer.upload(tokio_stream::iter([chunk])).await?;
        }
        self.transfer.finish_upload(FinishUploadRequest { upload_id: opened.upload_id }).await.map(drop)
    }
}
