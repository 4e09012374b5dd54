//! Both backends on loopback, quirks included: what a rehearsal talks to instead of Google.
//!
//! [`Emulator`] is the whole of it without a socket: [`Emulator::handle`] takes a [`Call`] and gives a
//! [`Reply`]. [`start`] puts it behind one, on loopback alone. One port serves both backends, since their paths
//! differ: `/v1beta/models/…` is the Gemini Developer API, `/v1beta1/projects/…` and (with a key)
//! `/v1beta1/publishers/…` are Vertex AI.
//!
//! What answers take comes from the token profiles: input images by the rule for the pixels that were really
//! sent, output by the cells and ranges that were learned, or as a [`Behaviour`] has it. Everything drawn comes
//! from one seed. [`Emulator::expected`] gives the true means of that law, so a method of estimation can be
//! held against them; `POST /_burndown/truth/…` (the same body, the path behind it) gives the same over the
//! wire. [`Emulator::ledger`] (`GET /_burndown/ledger`) says what was billed, to the last decimal, whether the
//! client saw the answer or not.
//!
//! Not emulated: batch jobs, explicit caches, files, the Live API, video, audio and documents in the prompt,
//! and quotas other than scripted ones ([`Fault`]).

mod answer;
mod asked;
mod behaviour;
mod call;
mod disturb;
mod door;
mod emulation;
mod fault;
mod law;
mod ledger;
mod picture;
mod provisioned;
mod refusal;
mod serve;
mod server;
mod signature;

pub use behaviour::{Behaviour, ModelBehaviour};
pub use call::Call;
pub use emulation::{Emulator, Piece, Reply, Setup};
pub use fault::{Calls, Fault, FaultKind, FaultsFile, When, parse_faults};
pub use law::Expected;
pub use ledger::{BackendTokens, Entry, Ledger};
pub use provisioned::{PtEstimate, Purchase, PurchaseError};
pub use refusal::Refusal;
pub use server::{EmulatorError, Running, start, start_at};
