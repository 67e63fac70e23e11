//! Putting the coordinator together and running it.

use crate::admission::{self, RoundAdmission};
use crate::config::CoordinatorConfig;
use crate::control::Control;
use crate::driver::{Driver, DriverError};
use crate::enrolment::Enrolment;
use crate::listener::{Bounds, Connections, open_doors};
use crate::rights::Gate;
use crate::roster::{RosterShelf, RosterWatch};
use crate::store::Store;
use crate::studies::Studies;
use crate::sums::Sums;
use crate::transfer::{TransferLimits, TransferService};
use crate::upkeep::Upkeep;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use wardround_identity::tls::{Clock, ServerTls};
use wardround_identity::{Authority, Credentials, CrlWatch, IdentityError};
use wardround_plan::Timestamp;
use wardround_proto::{MESSAGE_BYTES_MAX, v1};
use wardround_storage::{Blobs, DatabaseError, LockError, Spool, SpoolLimits, StateLock, StorageError};

/// Longest silence within a transfer.
const TRANSFER_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The coordinator could not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Authority, key or certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Another coordinator uses the state folder.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Models and updates.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nothing more is promised because the disk failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// The state folder cannot be made.
    #[error("cannot make the folder {path}: {reason}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        reason: std::io::Error,
    },
    /// The gRPC server ended.
    #[error("the server ended: {0}")]
    Server(#[from] tonic::transport::Error),
}

/// A coordinator that is listening, with the service that answers its sites.
pub struct Coordinator<C = Control> {
    address: SocketAddr,
    listener: TcpListener,
    driver: Driver,
    services: Services<C>,
    upkeep: Upkeep,
    crl: CrlWatch,
    credentials: Arc<Credentials>,
    bounds: Bounds,
    _lock: StateLock,
}

struct Services<C> {
    control: C,
    studies: Studies,
    enrolment: Enrolment,
    transfer: RoundAdmission,
    spool: Spool,
    limits: TransferLimits,
}

impl Coordinator {
    /// Restores everything from the state folder and begins to listen.
    ///
    /// # Errors
    /// Whatever keeps it from serving, in words.
    pub async fn start(config: &CoordinatorConfig, clock: fn() -> Timestamp) -> Result<Self, ServeError> {
        let authority = Arc::new(Authority::open(&config.authority).await?);
        let credentials = Arc::new(Credentials::load(&config.credentials, clock())?);
        let crl = CrlWatch::open(&config.authority)?;
        let tls = Arc::new(ServerTls::new(credentials.clone(), crl.current().clone(), Clock::system())?);
        let connections = Connections::default();
        connections.revoke(crl.current());

        let folder = |reason| ServeError::Folder { path: config.state.display().to_string(), reason };
        std::fs::create_dir_all(&config.state).map_err(folder)?;
        let lock = StateLock::acquire(&config.state, "coordinator")?;
        let store = Store::open(&config.state).await?;
        let blobs = Blobs::open(&config.state)?;
        let spool = Spool::open(&blobs, spool_limits(config))?;
        let roster = RosterShelf::default();
        let roster_watch = RosterWatch::new(&config.roster, roster.clone());
        let sums = Sums::new(blobs.clone());
        let (driver, handle) = Driver::restore(store.clone(), sums, roster.signing(), clock).await?;
        let gate = Gate::new(connections.clone());
        let services = Services {
            control: Control::new(handle.clone(), gate.clone()),
            studies: Studies::new(handle.clone(), store.clone(), blobs, gate.clone(), clock),
            enrolment: Enrolment::new(authority.clone(), roster.clone(), gate, clock),
            transfer: RoundAdmission::new(handle.clone(), store.clone(), config.limits.upload_bytes_max),
            spool,
            limits: transfer_limits(config),
        };
        let upkeep = Upkeep {
            authority,
            credentials_folder: config.credentials.clone(),
            tls,
            connections,
            roster: roster_watch,
            driver: handle,
            clock,
        };
        let listen = |reason| ServeError::Listen { address: config.listen, reason };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let limits = config.limits;
        let bounds = Bounds { handshakes_max: limits.handshakes_max, connections_max: limits.connections_max };
        Ok(Self { address, listener, driver, services, upkeep, crl, credentials, bounds, _lock: lock })
    }
}

impl<C> Coordinator<C> {
    /// The same, with what `around` makes of its control service in that one's place.
    pub fn with_control<D>(self, around: impl FnOnce(C) -> D) -> Coordinator<D> {
        let Self { address, listener, driver, services, upkeep, crl, credentials, bounds, _lock } = self;
        let Services { control, studies, enrolment, transfer, spool, limits } = services;
        let services = Services { control: around(control), studies, enrolment, transfer, spool, limits };
        Coordinator { address, listener, driver, services, upkeep, crl, credentials, bounds, _lock }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl<C: v1::control_server::Control> Coordinator<C> {
    /// Serves until the disk fails; drop the future to stop.
    ///
    /// # Errors
    /// The disk or the server failed; nothing that was promised is lost.
    pub async fn serve(self) -> Result<(), ServeError> {
        let connections = self.upkeep.connections.clone();
        let doors = open_doors(self.listener, self.upkeep.tls.clone(), connections.clone(), self.bounds);
        let Services { control, studies, enrolment, transfer, spool, limits } = self.services;
        let gate = Gate::new(connections);
        let identify = move |extensions: &tonic::Extensions| {
            gate.admit(extensions, crate::rights::Right::FetchModels).ok().as_ref().and_then(admission::owner)
        };
        let peers = wardround_proto::server()
            .add_service(v1::control_server::ControlServer::new(control).max_decoding_message_size(MESSAGE_BYTES_MAX))
            .add_service(v1::studies_server::StudiesServer::new(studies).max_decoding_message_size(MESSAGE_BYTES_MAX))
            .add_service(v1::membership_server::MembershipServer::new(enrolment.clone()))
            .add_service(TransferService::new(transfer, identify, spool, limits).into_server())
            .serve_with_incoming(ReceiverStream::new(doors.peers));
        let newcomers = wardround_proto::server()
            .add_service(v1::enrolment_server::EnrolmentServer::new(enrolment))
            .serve_with_incoming(ReceiverStream::new(doors.newcomers));
        tokio::try_join!(
            async { self.driver.run().await.map_err(ServeError::from) },
            async { peers.await.map_err(ServeError::from) },
            async { newcomers.await.map_err(ServeError::from) },
            async {
                self.upkeep.run(self.crl, self.credentials).await;
                Ok(())
            },
        )?;
        Ok(())
    }
}

fn spool_limits(config: &CoordinatorConfig) -> SpoolLimits {
    let limits = config.limits;
    SpoolLimits {
        upload_bytes_max: limits.upload_bytes_max,
        parts_per_owner_max: limits.uploads_per_site_max as usize,
        total_bytes_max: limits.upload_bytes_max.saturating_mul(u64::from(limits.uploads_max)),
    }
}

fn transfer_limits(config: &CoordinatorConfig) -> TransferLimits {
    let (per_site, all) = (config.limits.uploads_per_site_max as usize, config.limits.uploads_max as usize);
    TransferLimits {
        idle_timeout: TRANSFER_IDLE_TIMEOUT,
        uploads_per_peer_max: per_site,
        uploads_max: all,
        downloads_per_peer_max: per_site,
        downloads_max: all,
    }
}
