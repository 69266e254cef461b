//! stub
use std::{io::{BufRead, BufReader}, path::PathBuf, process::{Command, Stdio}, time::Duration};
use kt::wire::{client::Client, control::{path, LogFrom, Status}, limits, preamble::{self, Purpose, Verdict}};
use super::{Dirs, PlaceError, Service, service};
use crate::terminal::Terminal;
pub const HOST: &str = "host";
#[derive(Debug, Clone)]
pub struct ServiceSpec { pub program: String, pub workspace: PathBuf, pub inactivity_ttl: Option<Duration>, pub body_limit: usize }
#[derive(Debug)]
pub struct Connected { pub service: String, pub socket: PathBuf, pub folder: PathBuf, pub client: Client, pub status: Status }
#[derive(Debug)]
pub struct Logs;
pub async fn connect(spec: &ServiceSpec) -> Result<Option<Connected>, PlaceError> {
    let dirs = Dirs::current()?;
    let name = service::name(&service::user(), &spec.program);
    let socket = dirs.socket(&name)?;
    let Ok(mut stream) = tokio::net::UnixStream::connect(&socket).await else { return Ok(None) };
    let Ok(Verdict::Welcome) = preamble::call_on(&mut stream, Purpose::Control, &[]).await else { panic!("verdict") };
    let (client, connection) = Client::start(stream).await.unwrap();
    tokio::spawn(connection);
    let status = client.ask(path::STATUS, &()).await.unwrap();
    Ok(Some(Connected { folder: socket.parent().unwrap().into(), service: name, socket, client, status }))
}
pub async fn start(spec: &ServiceSpec, _t: &Terminal) -> Result<Connected, PlaceError> {
    let dirs = Dirs::current()?;
    let name = service::name(&service::user(), &spec.program);
    let options = kt::host::HostOptions { service: name.clone(), directory: dirs.service(&name), socket: dirs.socket(&name)?, workspace: spec.workspace.display().to_string(), working_directory: spec.workspace.clone(), inactivity_ttl: spec.inactivity_ttl.unwrap_or(kt::host::DEFAULT_TTL), token_file: None, body_limit: spec.body_limit };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(HOST).args(options.arguments()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    kt::host::detach(&mut command);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Ok(connect(spec).await?.unwrap())
}
pub async fn connect_or_start(_: &ServiceSpec) -> Result<Connected, PlaceError> { unimplemented!() }
pub async fn list(_: &Dirs) -> Result<Vec<Service>, PlaceError> { unimplemented!() }
pub async fn down(_: &Dirs, _: &str, _: Duration) -> Result<(), PlaceError> { unimplemented!() }
pub async fn logs(_: &Dirs, _: &str, _: LogFrom, _: bool) -> Result<Logs, PlaceError> { let _ = limits::DEATH; unimplemented!() }
