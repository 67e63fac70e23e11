//! A control service that stands between the coordinator's own and its sites.

use super::stage::{Ends, Stage, Visit};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};
use wardround_coordinator::Control;
use wardround_proto::v1::control_server;
use wardround_proto::v1::{FromSite, ToSite, from_site, to_site};

/// Messages that may wait at either end.
const QUEUE_MAX: usize = 256;

/// The service: all passes through it, and what belongs to secure aggregation passes over the [`Stage`].
pub struct Between {
    control: Control,
    stage: Arc<Stage>,
}

impl Between {
    /// Around `control`.
    pub fn new(control: Control, stage: Stage) -> Self {
        Self { control, stage: Arc::new(stage) }
    }
}

#[tonic::async_trait]
impl control_server::Control for Between {
    type AttendStream = ReceiverStream<Result<ToSite, Status>>;

    async fn attend(&self, request: Request<Streaming<FromSite>>) -> Result<Response<Self::AttendStream>, Status> {
        let site = self.control.caller(request.extensions())?;
        let (to_coordinator, heard) = mpsc::channel(QUEUE_MAX);
        let (to_site, said) = mpsc::channel(QUEUE_MAX);
        let means_to_say = self.control.converse(site.clone(), ReceiverStream::new(heard));
        // Neither task may hold the other's end: a stream that ends on one side has to end on the other.
        let visit = self.stage.enter(&site, Ends { to_coordinator: to_coordinator.clone(), to_site: to_site.clone() });
        tokio::spawn(hear(visit.clone(), request.into_inner(), to_coordinator));
        tokio::spawn(say(visit, means_to_say, to_site));
        Ok(Response::new(ReceiverStream::new(said)))
    }
}

async fn hear(visit: Visit, mut said: Streaming<FromSite>, to_coordinator: mpsc::Sender<Result<FromSite, Status>>) {
    while let Ok(Some(message)) = said.message().await {
        match message.message {
            Some(from_site::Message::Secagg(carried)) => visit.hear(carried).await,
            message => drop(to_coordinator.send(Ok(FromSite { message })).await),
        }
    }
    visit.end();
}

async fn say(
    visit: Visit,
    mut messages: impl Stream<Item = ToSite> + Unpin,
    to_site: mpsc::Sender<Result<ToSite, Status>>,
) {
    while let Some(message) = messages.next().await {
        match message.message {
            Some(to_site::Message::Secagg(carried)) => visit.say(carried),
            message => drop(to_site.send(Ok(ToSite { message })).await),
        }
    }
    visit.end();
}
