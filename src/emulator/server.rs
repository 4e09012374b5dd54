//! The emulator on a socket, on loopback and nowhere else.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::Instant};

use super::{
    call::Call,
    emulation::{Emulator, Piece, Reply, Setup},
    ledger::Ledger,
};

/// Longest request that is read: 14 pictures of 7 MB in base64, and some.
const REQUEST_BYTES_MAX: usize = 160 * 1024 * 1024;

/// Blanks are sent in pieces of this size.
const BLANKS: usize = 64 * 1024;

/// Why there is no emulator.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// An address that others can reach.
    #[error("the emulator listens on loopback only, found {0}; expected 127.0.0.1 or ::1")]
    NotLoopback(SocketAddr),
    /// The port cannot be had.
    #[error("cannot listen on {address}: {why}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
}

/// A running emulator; it stops when it is told to, or when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    emulator: Arc<Emulator>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Starts an emulator on 127.0.0.1; port 0 takes a free one.
///
/// # Errors
///
/// When the port cannot be had.
pub async fn start(setup: Setup, port: u16) -> Result<Running, EmulatorError> {
    start_at(setup, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await
}

/// Starts an emulator on a loopback address.
///
/// # Errors
///
/// When the address is not of loopback, or cannot be had.
pub async fn start_at(setup: Setup, address: SocketAddr) -> Result<Running, EmulatorError> {
    if !address.ip().is_loopback() {
        return Err(EmulatorError::NotLoopback(address));
    }
    let bind = |why| EmulatorError::Bind { address, why };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let emulator = Arc::new(Emulator::new(setup));
    let app = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::disable())
        .with_state(Shared { emulator: emulator.clone(), started: Instant::now() });
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let shutdown = async {
            // A sender that is gone stops it, too.
            let _ = stopped.await;
        };
        // Accepting goes on after errors; nothing else can fail here.
        let _ = axum::serve(listener, app).with_graceful_shutdown(shutdown).await;
    });
    Ok(Running { address, emulator, stop: Some(stop), task })
}

impl Running {
    /// The base URL of both backends: their paths differ.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The emulator behind the socket.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// What was billed so far.
    pub fn ledger(&self) -> Ledger {
        self.emulator.ledger()
    }

    /// Stops taking calls, and gives what was billed; answers on their way are still sent.
    pub async fn stop(mut self) -> Ledger {
        drop(self.stop.take());
        self.task.abort();
        self.emulator.ledger()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What every connection shares.
#[derive(Clone)]
struct Shared {
    emulator: Arc<Emulator>,
    started: Instant,
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let Shared { emulator, started } = shared;
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is longer than this emulator reads");
    };
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let call = Call {
        verb: parts.method.to_string(),
        path: parts.uri.path().to_string(),
        query: parts.uri.query().unwrap_or_default().to_string(),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    let reply = emulator.handle_at(&call, started.elapsed());
    if !reply.before.is_zero() {
        tokio::time::sleep(reply.before).await;
    }
    respond(emulator, reply)
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

fn respond(emulator: Arc<Emulator>, reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (headers, length) = (reply.headers.clone(), reply.length);
    let mut response = Response::new(Body::from_stream(pieces(emulator, reply)));
    *response.status_mut() = status;
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// What is left to send.
struct Sending {
    emulator: Arc<Emulator>,
    pieces: std::vec::IntoIter<Piece>,
    blanks: u64,
    number: Option<u64>,
}

/// The body as a stream; its end is noted in the ledger.
fn pieces(
    emulator: Arc<Emulator>,
    reply: Reply,
) -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> {
    let pieces = reply.pieces.into_iter();
    let sending = Sending { emulator, pieces, blanks: 0, number: reply.number };
    stream::unfold(sending, |mut sending| async move {
        loop {
            if sending.blanks > 0 {
                let count = sending.blanks.min(BLANKS as u64);
                sending.blanks -= count;
                return Some((Ok(Bytes::from(vec![b' '; count as usize])), sending));
            }
            match sending.pieces.next() {
                Some(Piece::Bytes(bytes)) => {
                    sending.note_end();
                    return Some((Ok(Bytes::from(bytes)), sending));
                }
                Some(Piece::Blank(count)) => sending.blanks = count,
                Some(Piece::Wait(time)) => tokio::time::sleep(time).await,
                Some(Piece::Cut) => {
                    return Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), sending));
                }
                None => return None,
            }
        }
    })
}

impl Sending {
    /// A body of announced length is not asked for more after its last piece, so that piece is the end.
    fn note_end(&mut self) {
        if let (Some(number), true) = (self.number, self.pieces.as_slice().is_empty()) {
            self.emulator.delivered(number);
        }
    }
}
