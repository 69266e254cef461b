//! A web server in the worker process. Its listener stays open, and its answers follow your edits.
//!
//! Run it, open the address, edit `page`, and run it again: the same port serves the new page.

use std::net::SocketAddr;

use axum::{Router, extract::Path, http::StatusCode, response::Html, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::OnceCell,
};

/// The server's address, set by the first run.
#[kt::state]
static SERVER: OnceCell<SocketAddr> = OnceCell::const_new();

/// Renders the page. The server calls it in the worker, where each call runs the newest code.
#[kt::remote]
fn page(name: String) -> String {
    format!("<h1>Hello {name}</h1>")
}

/// The server keeps running the code of the first run: put code that you edit into remote
/// functions.
async fn hello(Path(name): Path<String>) -> Result<Html<String>, (StatusCode, String)> {
    let failed = |error: kt::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    page(name).await.map(Html).map_err(failed)
}

/// Starts the server unless it is running.
#[kt::remote]
async fn serve() -> Result<SocketAddr, String> {
    let start = async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/hello/{name}", get(hello));
        tokio::spawn(async { axum::serve(listener, router).await });
        std::io::Result::Ok(address)
    };
    let address = SERVER.get_or_try_init(|| start).await;
    address.copied().map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = serve().await??;
    println!("http://{address}/hello/you");
    println!("{}", ask(address).await?);
    Ok(())
}

/// Requests the page and returns its body.
async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("GET /hello/you HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(body.to_owned())
}
