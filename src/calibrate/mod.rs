//! Real requests of a workload's own shapes, until its cost is known well enough or the money is spent.
//!
//! [`cells`] says what there is to learn, [`Sampler`] what to ask next and when it is enough, [`Campaign`] holds
//! money, pace and retries around it. [`Ask`] and [`judge`] are the two backends' wire. None of these has
//! effects; [`post`] and [`Credentials`] alone touch the network, and the caller writes the journal.

mod answer;
mod campaign;
mod cell;
mod convergence;
mod credentials;
mod fault;
mod http;
mod journal;
mod key;
mod picture;
mod rehearsal;
mod request;
mod sampler;
mod summary;
mod terms;

pub use answer::{Answered, Attempt, Received, Verdict, answered, judge};
pub use campaign::Campaign;
pub use cell::{Cell, Expected, Skipped, Sources, cells};
pub use convergence::{Convergence, Course, CoursePoint, convergence};
pub use credentials::Credentials;
pub use fault::{Failure, Fault, Response, remedy};
pub use http::{ANSWER_BYTES_MAX, Identity, Post, client, post};
pub use journal::{BadJournal, Entry, JOURNAL_SCHEMA, ReadJournal, observations_of, read_journal};
pub use key::ApiKey;
pub use picture::{synthetic_png, synthetic_prompt};
pub use rehearsal::{Chaos, Forecast, Rehearsal, forecast, rehearse};
pub use request::{
    Address, Ask, DEVELOPER_VERSION, Method, Picture, Resolution, VERTEX_VERSION, tier_headers,
};
pub use sampler::{Enough, Group, Known, Rules, Sampler, Tally, Want};
pub use summary::{ClassSeen, Estimate, PlacementSummary, Ratio, Summary, summary};
pub use terms::{CampaignError, Counts, Ending, Finding, Limits, Order, Step};
