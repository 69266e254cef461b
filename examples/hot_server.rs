//! A web server in the warm process. Its listener stays, and its answers follow your edits.
//!
//! Run it, open the address, edit `page`, and run it again: the next request gets the new page, from the same port.

use std::net::SocketAddr;

use axum::{Router, extract::Path, http::StatusCode, response::Html, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::OnceCell,
};

/// Where the server listens, since the first run.
#[kt::state]
static SERVER: OnceCell<SocketAddr> = OnceCell::const_new();

/// What a request is answered with. The server calls it in the warm process, where a call enters the newest code.
#[kt::remote]
fn page(name: String) -> String {
    format!("<h1>Hello {name}</h1>")
}

/// The server's own code goes on as the first run had it: what should follow edits is in remote functions.
async fn hello(Path(name): Path<String>) -> Result<Html<String>, (StatusCode, String)> {
    let failed = |error: kt::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    page(name).await.map(Html).map_err(failed)
}

/// Starts the server unless it runs.
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

/// The body of an answer, as a browser would show it.
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
