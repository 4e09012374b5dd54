//! The addresses of the page and what they answer.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{
    Desk,
    door::{admit, harden},
    files::{Save, Wanted, save, target},
};
use crate::{
    diagnostics::FILE_BYTES_MAX,
    report::{REPORT_SCRIPT, REPORT_STYLE},
    serve::{Asked, PAGE_SCRIPT, PAGE_STYLE, answer, difference, page, suggestion},
};

/// Longest question: two texts as long as a file may be, every character escaped.
const QUESTION_BYTES_MAX: usize = 4 * FILE_BYTES_MAX as usize;

/// What every connection shares.
#[derive(Clone)]
struct Shared {
    desk: Arc<Desk>,
    port: u16,
    /// One plan at a time. Who goes away while waiting is not waited for, so the latest question comes soon.
    turn: Arc<Semaphore>,
}

/// The page and its questions, all below the key.
pub(super) fn app(desk: Desk, port: u16, key: &str) -> Router {
    let shared = Shared { desk: Arc::new(desk), port, turn: Arc::new(Semaphore::new(1)) };
    let at = |name: &str| format!("/{key}/{name}");
    Router::new()
        .route(&at(""), get(shell))
        .route(&at("page.js"), get(async || ([(header::CONTENT_TYPE, "text/javascript")], PAGE_SCRIPT)))
        .route(&at("page.css"), get(async || ([(header::CONTENT_TYPE, "text/css")], PAGE_STYLE)))
        .route(&at("report.js"), get(async || ([(header::CONTENT_TYPE, "text/javascript")], REPORT_SCRIPT)))
        .route(&at("report.css"), get(async || ([(header::CONTENT_TYPE, "text/css")], REPORT_STYLE)))
        .route(&at("workload"), get(workload))
        .route(&at("plan"), post(plan))
        .route(&at("difference"), post(lines))
        .route(&at("target"), post(look))
        .route(&at("save"), post(write))
        .fallback(async || (StatusCode::NOT_FOUND, "nothing here; open the whole address that was printed"))
        .layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX))
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// Strangers are refused before anything is read.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match admit(request.method(), request.headers(), shared.port) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    harden(response.headers_mut());
    response
}

async fn shell(State(shared): State<Shared>) -> Response {
    match page(&shared.desk.file_name()) {
        Ok(text) => axum::response::Html(text).into_response(),
        Err(error) => failed(&error.to_string()),
    }
}

async fn workload(State(shared): State<Shared>) -> Response {
    blocking(move || {
        let desk = &shared.desk;
        let name = desk.file_name();
        let text = desk.text().map_err(|error| error.to_string())?;
        let suggestion = suggestion(&name);
        Ok(json!({"name": name, "folder": desk.folder, "text": text, "suggestion": suggestion}))
    })
    .await
}

async fn plan(State(shared): State<Shared>, Json(asked): Json<Asked>) -> Response {
    let Ok(turn) = shared.turn.acquire_owned().await else { return failed("the server is closing") };
    blocking(move || {
        let _turn = turn;
        Ok(shared.desk.with_books(|books| answer(books, &asked)))
    })
    .await
}

/// Two texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    old: String,
    new: String,
}

async fn lines(Json(texts): Json<Texts>) -> Response {
    blocking(move || Ok(json!({"difference": difference(&texts.old, &texts.new)}))).await
}

async fn look(State(shared): State<Shared>, Json(wanted): Json<Wanted>) -> Response {
    // A name that will not do is what this question is about.
    let said = move || match target(&shared.desk, &wanted) {
        Ok(target) => json!(target),
        Err(problem) => json!({ "problem": problem }),
    };
    blocking(move || Ok(said())).await
}

async fn write(State(shared): State<Shared>, Json(wanted): Json<Save>) -> Response {
    blocking(move || save(&shared.desk, &wanted)).await
}

/// Runs what computes or reads files where it holds nobody up; a problem is an answer, too.
async fn blocking<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(problem)) => (StatusCode::CONFLICT, Json(json!({ "problem": problem }))).into_response(),
        Err(_) => failed("this could not be computed; please report it with the workload"),
    }
}

fn failed(why: &str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, why.to_string()).into_response()
}
