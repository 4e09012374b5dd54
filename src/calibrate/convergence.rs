//! How a calibration's answers narrowed its totals, dollar by dollar, from its journal.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    answer::answered,
    campaign::Campaign,
    journal::Entry,
    sampler::{Group, Sampler},
};
use crate::{
    model::{Endpoint, ModelId},
    units::Usd,
    usage::RecordKind,
};

/// The course of a calibration.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Convergence {
    /// The workload.
    pub workload: String,
    /// Whether it was a rehearsal: play money and simulated answers.
    pub rehearsed: bool,
    /// Half width over total that was asked for.
    pub precision: f64,
    /// Level of the interval.
    pub level: f64,
    /// US dollars that might be spent.
    pub budget_usd: f64,
    /// US dollars spent, what may have been billed included.
    pub spent_usd: f64,
    /// Placements, and their sum where that was to be precise.
    pub courses: Vec<Course>,
}

/// The course of one total.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Course {
    /// The placement; `None` for the sum of all.
    pub placement: Option<(ModelId, Endpoint)>,
    /// Each answer of the first ones, then one for every fiftieth more; those before an interval exists are
    /// left out.
    pub points: Vec<CoursePoint>,
    /// Its answers.
    pub answers: u64,
}

/// A total after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CoursePoint {
    /// US dollars spent so far on all placements.
    pub spent_usd: f64,
    /// Answers of this total so far.
    pub answers: u64,
    /// Half width of its interval over the total.
    pub half_width: f64,
}

/// Answers that each get a point; after them, one for every [`GROWTH`].
const EVERY_ANSWER: u64 = 50;

/// Growth of the answers from one point to the next.
const GROWTH: f64 = 1.02;

/// Follows a journal from its first answer to its last.
///
/// `campaign` is the one the journal ended with: cells that it left before their second answer count nowhere,
/// as in its summary.
pub fn convergence(campaign: &Campaign, budget: Usd, entries: &[Entry]) -> Convergence {
    let ended = &campaign.sampler;
    let mut sampler = Sampler::new(ended.cells.clone(), ended.rules);
    for (tally, last) in sampler.tallies.iter_mut().zip(&ended.tallies) {
        tally.stopped = last.stopped.clone().filter(|_| last.count() < 2);
    }
    let mut groups = sampler.placements();
    if sampler.rules.pooled {
        groups.extend(sampler.groups());
    }
    let mut found = nothing_yet(&sampler, &groups, budget);
    let index: BTreeMap<String, usize> =
        ended.cells.iter().enumerate().map(|(at, cell)| (cell.key.clone(), at)).collect();
    // Attempts under way: their cell and what is set aside for them.
    let mut open: BTreeMap<u64, (Option<usize>, Usd)> = BTreeMap::new();
    let mut spent = Usd::ZERO;
    for entry in entries {
        match entry {
            Entry::Start { workload, kind, .. } => {
                found.workload.clone_from(workload);
                found.rehearsed |= *kind == RecordKind::Rehearsed;
                // What a stopped run left behind counts as spent.
                spent += std::mem::take(&mut open).into_values().map(|(_, usd)| usd).sum::<Usd>();
            }
            Entry::Reserve { id, cell, usd, .. } => {
                open.insert(*id, (index.get(cell).copied(), *usd));
            }
            Entry::Answer { id, usd, observation } => {
                spent += *usd;
                let Some((Some(at), _)) = open.remove(id) else { continue };
                sampler.learn(at, &answered(&ended.cells[at], observation.as_ref().clone()));
                for (group, course) in groups.iter().zip(&mut found.courses) {
                    if group.cells.contains(&at) {
                        note(&sampler, group, course, spent);
                    }
                }
            }
            Entry::Failed { id, usd, .. } => {
                spent += *usd;
                open.remove(id);
            }
            Entry::Stop { .. } => {}
        }
    }
    spent += open.into_values().map(|(_, usd)| usd).sum::<Usd>();
    found.spent_usd = spent.to_f64();
    for (group, course) in groups.iter().zip(&mut found.courses) {
        course.answers = answers(&sampler, group);
        // The last answer always shows.
        if course.points.last().is_some_and(|last| last.answers < course.answers) {
            point(&sampler, group, course, spent);
        }
    }
    found
}

fn nothing_yet(sampler: &Sampler, groups: &[Group], budget: Usd) -> Convergence {
    let courses = groups.iter().map(|group| Course {
        placement: group.placement.clone(),
        points: Vec::new(),
        answers: 0,
    });
    Convergence {
        workload: String::new(),
        rehearsed: false,
        precision: sampler.rules.precision,
        level: sampler.rules.level,
        budget_usd: budget.to_f64(),
        spent_usd: 0.0,
        courses: courses.collect(),
    }
}

fn answers(sampler: &Sampler, group: &Group) -> u64 {
    group.cells.iter().map(|at| sampler.tallies[*at].count()).sum()
}

/// Adds a point if the answers have grown enough since the last.
fn note(sampler: &Sampler, group: &Group, course: &mut Course, spent: Usd) {
    let answers = answers(sampler, group);
    let last = course.points.last().map_or(0, |last| last.answers);
    if answers <= EVERY_ANSWER || answers as f64 >= last as f64 * GROWTH {
        point(sampler, group, course, spent);
    }
}

fn point(sampler: &Sampler, group: &Group, course: &mut Course, spent: Usd) {
    let half_width = sampler.known(group).total.relative();
    if half_width.is_finite() {
        let (spent_usd, answers) = (spent.to_f64(), answers(sampler, group));
        course.points.push(CoursePoint { spent_usd, answers, half_width });
    }
}
