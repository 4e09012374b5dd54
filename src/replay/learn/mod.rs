//! The rule of admission, learned from a log that tells who served each request.
//!
//! Every rule that [`PtRule::all`] lists is asked, request by request, whether it would have admitted it given
//! what really happened before ([`crate::capacity::Admission`] is the one state machine for that). The rule
//! that is wrong least often wins; another is excluded when it is wrong more often in nearly all bootstrap
//! samples of blocks of time, since neighbouring requests depend on each other. What is not excluded stays
//! possible, and several that stay are an answer: this log cannot tell them apart.
//!
//! A log with holes cannot be walked through: quota that missing requests took would look like room. So the
//! number of requests that Google counted is asked for, and a log that holds fewer is refused.

mod log;
mod score;
mod walk;

use rayon::prelude::*;

use self::walk::{Settings, Walk};
pub use self::{
    log::{AdmissionLog, LogNotes, LoggedTime, Sighting},
    score::{Learning, Misfit, Score, Verdict},
};
use crate::capacity::{AdmissionError, PtRule};

/// Blocks of time that a log must fill for confidence to mean anything.
const BLOCKS_MIN: usize = 12;

/// Blocks that a long log is cut into at most.
const BLOCKS_MAX: u64 = 400;

/// Windows of one block at least: what happens in one reaches into the next.
const WINDOWS_PER_BLOCK: u64 = 4;

/// Share of the requests that may be missing. Chosen by simulation: a log that lacks one request in a hundred
/// still shows its rule, see `docs/provisioned.md`.
const MISSING_MAX: f64 = 0.01;

/// A rule that is wrong so many times as often as the best, and in so large a share more, is not looked at
/// more closely.
const HOPELESS_TIMES: u64 = 3;
const HOPELESS_SHARE: u64 = 50;

/// What is known beside the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnOptions {
    /// Units of burn that one window admits.
    pub quota_units: u64,
    /// Length of the enforcement window, seconds.
    pub window_seconds: u64,
    /// Units of burn of the longest answer that the model's contract allows.
    pub cap_units: u64,
    /// Requests that Google counted for the model in the time of the log.
    pub invocations: Option<u64>,
    /// Level at which all excluded rules are excluded together, between 0 and 1.
    pub confidence: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// Why a log teaches no rule.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LearnError {
    /// Nothing to hold the log against.
    #[error(
        "whether the log holds every request is not known, and a log with holes cannot be replayed\n\nhint: give the requests that Google counted for this model in the same time, --invocations N (metric model_invocation_count)"
    )]
    NoControlTotal,
    /// Requests are missing.
    #[error(
        "the log tells of {usable} requests and Google counted {invocations}: {:.1} % are missing, and a log with holes cannot be replayed; at most {:.0} % may be\n\nhint: log every request (samplingRate 1.0), of all applications that use this purchase",
        100.0 * (1.0 - *usable as f64 / (*invocations).max(1) as f64),
        MISSING_MAX * 100.0
    )]
    Incomplete {
        /// Attempts that tell enough, refusals and failures included.
        usable: u64,
        /// What Google counted.
        invocations: u64,
    },
    /// More requests than there were.
    #[error(
        "the log holds {attempts} requests to the model and Google counted {invocations}: the count is of another time, project or model"
    )]
    TooMany {
        /// Attempts.
        attempts: u64,
        /// What Google counted.
        invocations: u64,
    },
    /// No request that tells who served it.
    #[error(
        "no request of the model tells who served it: {attempts} attempts, {others} rows of other models or of the Developer API{}\n\nhint: `usageMetadata.trafficType` of Vertex AI's answers is what is read",
        words(untold)
    )]
    NothingTold {
        /// Attempts at the model.
        attempts: u64,
        /// Rows of others.
        others: u64,
        /// Traffic types that say neither.
        untold: Vec<(String, u64)>,
    },
    /// Too short to judge.
    #[error(
        "the log fills {blocks} blocks of {block_seconds} s after its first windows; {BLOCKS_MIN} are the least that confidence can be taken from\n\nhint: a log of {} s or more",
        block_seconds * (BLOCKS_MIN as u64 + 1)
    )]
    TooShort {
        /// Blocks.
        blocks: usize,
        /// Length of one.
        block_seconds: u64,
    },
    /// A purchase that cannot be.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
}

fn words(untold: &[(String, u64)]) -> String {
    let one = |(traffic, n): &(String, u64)| match traffic.as_str() {
        "" => format!(", {n} without a traffic type"),
        traffic => format!(", {n} of `{traffic}`"),
    };
    untold.iter().map(one).collect()
}

/// Holds every rule against a log.
///
/// # Errors
///
/// When the log is not known to be whole, tells nothing, is too short, or the purchase cannot be.
pub fn learn(log: &AdmissionLog, options: &LearnOptions) -> Result<Learning, LearnError> {
    is_whole(&log.notes, log.sightings.len() as u64, options.invocations)?;
    if log.sightings.is_empty() {
        let LogNotes { attempts, others, untold, .. } = &log.notes;
        let untold = untold.iter().map(|(traffic, n)| (traffic.clone(), *n)).collect();
        return Err(LearnError::NothingTold { attempts: *attempts, others: *others, untold });
    }
    let window_micros = options.window_seconds * 1_000_000;
    let length = |span: u64| (WINDOWS_PER_BLOCK * window_micros).max(span / BLOCKS_MAX).max(1);
    let blocks_of = |span: u64| (length(span), ((span / length(span)) as usize).max(1));
    let walk = Walk::new(&log.sightings, options.quota_units, window_micros, options.cap_units, blocks_of);
    if walk.blocks < BLOCKS_MIN {
        let block_seconds = WINDOWS_PER_BLOCK * options.window_seconds;
        return Err(LearnError::TooShort { blocks: walk.blocks, block_seconds });
    }
    let rules = PtRule::all();
    let mut settings =
        rules.par_iter().map(|rule| walk.coarse(*rule)).collect::<Result<Vec<_>, AdmissionError>>()?;
    let least = settings.iter().map(Settings::least).min().unwrap_or(0);
    let hopeless = least.saturating_mul(HOPELESS_TIMES) + walk.scored().0 / HOPELESS_SHARE;
    settings.par_iter_mut().filter(|one| one.least() <= hopeless).try_for_each(|one| walk.refine(one))?;
    Ok(score::scored(&walk, &settings, log, options))
}

/// Refuses a log that lacks requests, or holds more than there were.
fn is_whole(notes: &LogNotes, sightings: u64, invocations: Option<u64>) -> Result<(), LearnError> {
    let Some(invocations) = invocations else { return Err(LearnError::NoControlTotal) };
    let usable = sightings + notes.refused + notes.failed;
    let tolerated = MISSING_MAX * invocations as f64;
    if notes.attempts as f64 > invocations as f64 + tolerated {
        return Err(LearnError::TooMany { attempts: notes.attempts, invocations });
    }
    // Where no row tells anything the reason is another one.
    if sightings > 0 && (usable as f64) < invocations as f64 - tolerated {
        return Err(LearnError::Incomplete { usable, invocations });
    }
    Ok(())
}
