//! Sites that are connected and have nothing to do: each its own certificate, TCP connection, TLS session and open stream.

use crate::machine;
use crate::options::Options;
use crate::place::Place;
use crate::process::own_processor_time;
use crate::trouble::Trouble;
use crate::upload::now;
use futures_util::{StreamExt, TryStreamExt, stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use wardround_client::{Address, dial};
use wardround_identity::tls::{ClientTls, Clock};
use wardround_identity::{Approval, Authority, Enrolment, EnrolmentRequest, SigningIdentity, SiteKeys};
use wardround_plan::SiteId;
use wardround_proto::v1::control_client::ControlClient;
use wardround_proto::v1::{self, ToSite};

/// Connections being opened at once.
const DIALLING_MAX: usize = 32;
/// The protocol that a site says it speaks.
const PROTOCOL: u32 = 1;
/// So long after the last hello everything has been read.
const SETTLE: Duration = Duration::from_secs(2);

/// An open stream; kept open until dropped.
struct Attending {
    _channel: Channel,
    _outbox: mpsc::Sender<v1::FromSite>,
    _messages: Streaming<ToSite>,
}

pub async fn run(options: &Options) -> Result<(), Trouble> {
    let (sites, seconds) = (options.number("sites", 1000)?, options.number("seconds", 35)?);
    raise_file_limit()?;
    let place = Place::found(&machine::folder_in_memory())?;
    let begun = Instant::now();
    let identities = enrol(&place, sites).await?;
    let enrolling = begun.elapsed();
    let serving = place.serve()?;
    let address: Address = serving.address.parse()?;
    // The coordinator reads its roster once before it is asked anything.
    tokio::time::sleep(SETTLE).await;

    let load = machine::describe();
    let resident = serving.process.resident_kib()?;
    let processor = (own_processor_time(), serving.process.processor_time()?);
    let begun = Instant::now();
    let dialling = stream::iter(identities).map(|tls| attend(&address, tls)).buffer_unordered(DIALLING_MAX);
    let attending: Vec<Attending> = dialling.try_collect().await?;
    let connecting = begun.elapsed();
    tokio::time::sleep(SETTLE).await;
    let grown = serving.process.resident_kib()?.saturating_sub(resident);
    let connected = (own_processor_time() - processor.0, serving.process.processor_time()? - processor.1);

    let processor = serving.process.processor_time()?;
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    let idling = serving.process.processor_time()? - processor;
    let each_kib = grown as f64 / f64::from(sites);
    println!("{} idle sites on one coordinator, mutual TLS, one open stream each; {load}", attending.len());
    println!("enrolled       {:.1} s (keys and certificates, without the coordinator)", enrolling.as_secs_f64());
    println!(
        "all connected  {:.2} s, {:.0} a second",
        connecting.as_secs_f64(),
        f64::from(sites) / connecting.as_secs_f64()
    );
    println!("memory         {:.1} MiB more at the coordinator, {each_kib:.1} KiB a site", grown as f64 / 1024.0);
    println!(
        "processor      {:.2} s coordinator, {:.2} s all sites, to connect",
        connected.1.as_secs_f64(),
        connected.0.as_secs_f64()
    );
    println!("idle           {:.2} s of the coordinator's processor in {seconds} s", idling.as_secs_f64());
    let line = json!({
        "idle_sites": sites, "connect_s": connecting.as_secs_f64(), "resident_kib_each": each_kib, "resident_kib_before": resident,
        "connect_processor_s": connected.1.as_secs_f64(), "idle_processor_s": idling.as_secs_f64(), "idle_s": seconds,
        "before": load, "after": machine::describe(),
    });
    println!("{line}");
    Ok(())
}

/// Certificates for so many sites, straight from the authority.
async fn enrol(place: &Place, sites: u32) -> Result<Vec<ClientTls>, Trouble> {
    let authority = Authority::open(&place.federation().join("authority")).await?;
    let valid = wardround_plan::Duration::from_s(3600);
    let mut identities = Vec::new();
    for number in 0..sites {
        let site = SiteId::new(format!("site-{number}"))?;
        let invitation = authority.invite(&site, valid, Approval::Automatic, now()).await?;
        let folder = place.root().join("sites").join(site.as_str());
        let (keys, signing) = (SiteKeys::open_or_generate(&folder)?, SigningIdentity::open_or_generate(&folder)?);
        let request = EnrolmentRequest::new(keys.csr_pem()?, signing.key(), &site, authority.fingerprint())?;
        let Enrolment::Issued(certificate) = authority.enroll(&site, &invitation.code, &request, now()).await? else {
            return Err(Trouble::new("an automatic invitation waits for approval"));
        };
        let credentials = keys.install(&certificate, authority.fingerprint(), now())?;
        identities.push(ClientTls::peer(&credentials, &Clock::system())?);
    }
    Ok(identities)
}

async fn attend(address: &Address, tls: ClientTls) -> Result<Attending, Trouble> {
    let channel = dial(address, tls).await?;
    let (outbox, outgoing) = mpsc::channel(1);
    let hello = v1::Hello { software_version: env!("CARGO_PKG_VERSION").into(), protocol: PROTOCOL };
    outbox.send(v1::FromSite { message: Some(v1::from_site::Message::Hello(hello)) }).await?;
    let messages = ControlClient::new(channel.clone()).attend(ReceiverStream::new(outgoing)).await?.into_inner();
    Ok(Attending { _channel: channel, _outbox: outbox, _messages: messages })
}

/// As many files as the system allows, here and in the coordinator, which inherits it.
fn raise_file_limit() -> Result<(), Trouble> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
