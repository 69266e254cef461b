//! The tunnel process: forwards connections on its socket to the host.

use std::{
    fs,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use kt::{
    host::{ServiceLock, TryLock},
    wire::{preamble, tunnel},
};
use tokio::{
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use super::{Report, TunnelOptions, directory, link::Link};
use crate::place::{
    Dirs,
    cluster::Selection,
    kubernetes::{Cluster, KubernetesError, remove::remove, stage::HostImage},
};

/// Time after which an unused tunnel with a lost connection exits.
const UNUSED: Duration = Duration::from_secs(60);
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the service no longer exists or the tunnel is unused.
pub async fn run(options: TunnelOptions) -> io::Result<()> {
    let _lock = match ServiceLock::try_acquire(&directory::lock(&options.directory))? {
        TryLock::Held(mut lock) => {
            lock.claim()?;
            lock
        }
        TryLock::Taken(_) => {
            report(&Report::Taken);
            return Ok(());
        }
    };
    report(&Report::Begun);
    let selection = Selection {
        context: options.context.clone(),
        namespace: Some(options.namespace.clone()),
    };
    let dirs = Dirs::current().map_err(io::Error::other)?;
    let cluster = Cluster::open(&selection).await.map_err(io::Error::other)?;
    let image = HostImage::prepare(&dirs).map_err(io::Error::other)?;
    let link = Arc::new(Link::new(cluster.clone(), options.clone(), image));
    if let Err(error) = link.client(&|it| report(&it)).await {
        // The launching process reports the error and cleans up, unless it has exited.
        if options.created && orphaned() {
            let _ = remove(&cluster, &options.workload).await;
        }
        if let KubernetesError::Stage(reason) = &error
            && !error.is_transient()
        {
            let why = reason.to_string();
            report(&Report::Unfit { why });
            return Ok(());
        }
        return Err(io::Error::other(error));
    }
    let socket = directory::socket(&options.directory);
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket)?;
    report(&Report::Ready);
    tracing::info!("serving {}", options.workload.name);
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        () = accept(&listener, &link) => {}
        () = link.unused(UNUSED) => tracing::info!("stopping: the connection is lost and unused"),
        _ = terminated.recv() => tracing::info!("stopping: received a signal"),
    }
    let _ = fs::remove_file(&socket);
    Ok(())
}

async fn accept(listener: &UnixListener, link: &Arc<Link>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tracing::debug!("connection");
                let link = Arc::clone(link);
                tokio::spawn(async move {
                    if let Err(error) = through(stream, &link).await {
                        tracing::warn!("a connection failed: {error}");
                    }
                });
            }
            Err(error) => {
                tracing::warn!("failed to accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn through(mut stream: UnixStream, link: &Link) -> io::Result<()> {
    // The directory's mode excludes other users. Check again in case the mode was changed.
    if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    // The answered preamble shows the client that the tunnel runs, although the pod may have to
    // start.
    if !link.is_up() {
        preamble::acknowledge(&mut stream).await?;
    }
    let client = link.client(&|_| {}).await.map_err(io::Error::other)?;
    tunnel::open(&client, stream)
        .await
        .map_err(io::Error::other)
}

/// Prints a report for the launching process, if it still listens.
pub fn report(report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        let mut stdout = io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}

/// Whether the launching process has exited: then the pipe has no reader.
fn orphaned() -> bool {
    let mut stdout = io::stdout().lock();
    // The reader ignores empty lines.
    writeln!(stdout).and_then(|()| stdout.flush()).is_err()
}
