//! `serve`: one data folder over HTTP, until somebody asks it to stop. What is answered is crate `server`; here it is
//! opened, bound, announced and looked after.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use strongroom_custody::{Custodian, Manage};
use strongroom_secrets::Limits;
use strongroom_server::listen::{self, Listener, may_be_plain};
use strongroom_server::stop::Stop;
use strongroom_server::tls::self_signed::{self, SelfSigned};
use strongroom_server::tls::{Tls, TlsFiles};
use strongroom_server::{IpNet, Options, app};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::arguments::Serve;
use crate::embedded;
use crate::outcome::{Usage, sentence};
use crate::output::quoted;
use crate::settings::{Data, Settings, now};

/// How often the data are looked after.
const ROUND: Duration = Duration::from_secs(60);
/// For each of the last things that are done for the data.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn act(settings: &Settings<'_>, typed: Serve) -> Result<()> {
    let data = settings.data()?;
    let address: SocketAddr = typed.listen.parse().map_err(|_| {
        Usage::about("--listen", "takes an IP address and a port, for example 127.0.0.1:7878 or [::1]:7878")
    })?;
    let certificate = Certificate::of(&typed);
    if certificate.is_none() && !may_be_plain(&address, settings.allows_plain_http()) {
        return Err(Usage::from(
            "plain HTTP beyond this machine shows API keys and values to whoever listens: give --tls-self-signed, or \
             --tls-cert and --tls-key, or accept that with --plain-http-exposes-secrets",
        )
        .into());
    }
    let limits = typed.limits.as_deref().map(Limits::parse).transpose().map_err(Usage::of)?;
    let proxies: Vec<IpNet> =
        typed.trusted_proxy.iter().map(|text| parse_net(text)).collect::<Result<_>>()?;
    let options = Options {
        app_creation: !typed.no_app_creation,
        key_rate: typed.key_rate.unwrap_or(Options::KEY_RATE),
        address_rate: typed.address_rate.unwrap_or(Options::ADDRESS_RATE),
        trusted_proxies: proxies.leak(),
        ..Options::new(now, steady, random)
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = runtime(cores)?;
    let served = runtime.block_on(serve(&data, address, certificate, options, limits, cores));
    // Whatever still runs holds nothing that is not durable.
    runtime.shutdown_background();
    served
}

/// An address alone is a net of its own.
fn parse_net(text: &str) -> Result<IpNet> {
    let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(|address| address.to_canonical().into()));
    // Whoever trusts everybody would let each stranger choose an address.
    let net = net.ok().filter(|net: &IpNet| net.prefix_len() > 0 && !is_mapped(net));
    Ok(net.ok_or_else(|| {
        Usage::about(
            "--trusted-proxy",
            "takes an address or a net, for example 10.0.0.7, 10.0.0.0/8 or fd00::/8",
        )
    })?)
}

/// An IPv4 net in the clothes of IPv6: addresses are compared as what they are.
fn is_mapped(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.addr().to_ipv4_mapped().is_some())
}

/// Where the certificate comes from.
enum Certificate {
    Files(TlsFiles),
    SelfSigned,
}

impl Certificate {
    fn of(typed: &Serve) -> Option<Self> {
        match (&typed.tls_cert, &typed.tls_key) {
            (Some(cert), Some(key)) => Some(Self::Files(TlsFiles { cert: cert.clone(), key: key.clone() })),
            _ => typed.tls_self_signed.then_some(Self::SelfSigned),
        }
    }
}

async fn serve(
    data: &Data,
    address: SocketAddr,
    certificate: Option<Certificate>,
    options: Options,
    limits: Option<Limits>,
    readers: usize,
) -> Result<()> {
    // From here on a signal asks for an end in good order, also while it is being opened.
    let stop = Stop::at_signals()?;
    // Whoever follows a certificate hears this one too; nobody is ended by it, whether there is a certificate or not.
    let _ignored = signal(SignalKind::hangup()).context("SIGHUP cannot be ignored")?;
    let custodian = embedded::unlock(data, embedded::serving_store(data, readers).await?).await?;
    let custodian = Arc::new(match limits {
        Some(limits) => custodian.within(limits),
        None => custodian,
    });
    let listener = Listener::bind(address).await?;
    let address = listener.address();
    let (tls, signed) = open_certificate(data, certificate, address)?;
    let authority = authority(address);
    if let Some(signed) = &signed {
        say_how_to_trust(signed, &authority);
    }
    if !has_key(&custodian).await {
        eprintln!("no API key opens this strongroom yet; make one with:");
        eprintln!("  strongroom keys create --name admin --role admin{}", data.option());
    }
    let caring = tokio::spawn(look_after(Arc::clone(&custodian)));
    let following = tls.clone().map(|tls| {
        let renew = signed.is_some().then(|| data.folder.clone());
        tokio::spawn(follow(tls, renew, address))
    });
    let router = app(Arc::clone(&custodian), options);
    let scheme = if tls.is_some() { "https" } else { "http" };
    eprintln!("listening on {scheme}://{authority}");
    let patience = listen::Limits { trusted_proxies: options.trusted_proxies, ..listen::Limits::default() };
    listener.serve(router, tls, patience, stop).await;
    if let Some(following) = following {
        following.abort();
    }
    caring.abort();
    let_go(custodian, caring).await;
    Ok(())
}

/// Leaves the data in good order, unless somebody else keeps them busy: what was acknowledged is durable by now, and
/// whoever asked for an end gets one. Each step is a task of its own, because a busy database blocks the thread it is
/// asked on.
async fn let_go(custodian: Arc<Custodian>, caring: JoinHandle<()>) {
    let _ = timeout(PATIENCE, caring).await;
    let noting = Arc::clone(&custodian);
    let noted = timeout(PATIENCE, tokio::spawn(async move { note_uses(&noting).await })).await;
    if noted.is_err() {
        tracing::warn!("when keys were last used is not written down: the database is busy");
    }
    // Where one of them goes on, or somebody whose connection was cut, they hold it for a moment more.
    if let Some(custodian) = Arc::into_inner(custodian) {
        let _ = timeout(PATIENCE, tokio::spawn(custodian.finish())).await;
    }
}

/// The certificate; and what clients need of it, where it is one of our own.
fn open_certificate(
    data: &Data,
    certificate: Option<Certificate>,
    address: SocketAddr,
) -> Result<(Option<Tls>, Option<SelfSigned>)> {
    Ok(match certificate {
        None => (None, None),
        Some(Certificate::Files(files)) => (Some(Tls::open(files)?), None),
        Some(Certificate::SelfSigned) => {
            let signed = keep_certificate(&data.folder, address)?;
            (Some(Tls::open(signed.files.clone())?), Some(signed))
        }
    })
}

/// One thread more than there are cores: some of them wait for the disk.
fn runtime(cores: usize) -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores + 1)
        .enable_all()
        .build()
        .context("no runtime could be started")
}

fn random() -> [u8; 16] {
    strongroom_seal::random::bytes().expect("it gave random bytes when this strongroom was unlocked")
}

/// How long this process has served.
fn steady() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed()
}

/// As clients may call it: a certificate of our own is for this address, and an address that stands for all is none.
fn authority(address: SocketAddr) -> String {
    let port = address.port();
    if address.ip().to_canonical().is_unspecified() {
        format!("localhost:{port}")
    } else {
        address.to_string()
    }
}

fn keep_certificate(folder: &Path, address: SocketAddr) -> Result<SelfSigned> {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy();
    Ok(self_signed::keep(folder, &host, address, wall_clock())?)
}

/// The time as certificates take it.
fn wall_clock() -> SystemTime {
    let micros = u64::try_from(now().as_micros()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
}

/// Whether there is an API key that opens something. Only advice depends on it: that it cannot be told ends no server.
async fn has_key(custodian: &Custodian) -> bool {
    let Ok(everywhere) = embedded::caller().everywhere::<Manage>() else { return true };
    let Ok(keys) = custodian.list_keys(&everywhere, None, None).await else { return true };
    let now = now();
    keys.items.iter().any(|key| key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now))
}

/// What somebody needs who is to trust the certificate, and what a user of nextmv types.
fn say_how_to_trust(signed: &SelfSigned, authority: &str) {
    let path = quoted(&signed.ca.display().to_string());
    eprint!("{}", signed.ca_pem);
    eprintln!("the CA certificate above is {path}; clients that trust it can be sure whom they speak to:");
    eprintln!("  strongroom apps list --server https://{authority} --ca-cert {path}");
    eprintln!("  export REQUESTS_CA_BUNDLE={path}");
    // It asks a question, and would take the next line of a paste for the answer.
    eprintln!(
        "  nextmv configuration create --api-key \"$STRONGROOM_API_KEY\" --endpoint {authority} </dev/null"
    );
    for name in &signed.left_out {
        eprintln!("strongroom: the certificate is not for the name {name:?}; call the server by another");
    }
}

/// Never returns: what requests leave behind is written down, now and then.
async fn look_after(custodian: Arc<Custodian>) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        note_uses(&custodian).await;
        custodian.tend(now()).await;
    }
}

async fn note_uses(custodian: &Custodian) {
    if let Err(fault) = custodian.write_down_uses().await {
        let why = sentence(&fault.into());
        tracing::warn!(why, "when keys were last used is not written down yet");
    }
}

/// Never returns: the certificate is followed when its files change; one of our own is renewed before it ends.
async fn follow(tls: Tls, renew: Option<PathBuf>, address: SocketAddr) {
    let refresh = || {
        if let Some(folder) = &renew
            && let Err(error) = keep_certificate(folder, address)
        {
            tracing::error!(why = sentence(&error), "the certificate is not renewed");
        }
    };
    if let Err(error) = tls.follow(refresh).await {
        tracing::error!(why = sentence(&error.into()), "the certificate is read again at a restart only");
    }
}
