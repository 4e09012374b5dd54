//! How requests are admitted, question by question: what is taken, and how that is known.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    capacity::{LearnedRule, PtRule, WindowKind},
    model::Grade,
};

/// What the documentation leaves open about admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdmissionQuestion {
    /// What a request is admitted with.
    Estimate,
    /// When windows start and end.
    Clock,
    /// What becomes of an estimate that was too high.
    Refund,
    /// What becomes of burn above the quota.
    Overrun,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AdmissionAnswer {
    /// The question.
    pub question: AdmissionQuestion,
    /// What is taken: what production shows, where one answer is left, else the one that explains it best; the
    /// curve's where nothing was learned.
    pub taken: &'static str,
    /// How that is known.
    pub grade: Grade,
    /// What it rests on.
    pub evidence: String,
    /// Every answer that a log did not exclude; empty where none was held against the rules.
    pub possible: Vec<&'static str>,
}

impl AdmissionQuestion {
    /// All of them.
    pub const ALL: [AdmissionQuestion; 4] = [
        AdmissionQuestion::Estimate,
        AdmissionQuestion::Clock,
        AdmissionQuestion::Refund,
        AdmissionQuestion::Overrun,
    ];

    /// It in words.
    pub fn label(self) -> &'static str {
        match self {
            AdmissionQuestion::Estimate => "what a request is admitted with",
            AdmissionQuestion::Clock => "clock of the window",
            AdmissionQuestion::Refund => "refund of an estimate that was too high",
            AdmissionQuestion::Overrun => "burn above the quota",
        }
    }

    /// What a rule answers.
    fn answer(self, rule: PtRule) -> &'static str {
        match self {
            AdmissionQuestion::Estimate => rule.estimate.label(),
            AdmissionQuestion::Clock => rule.clock.label(),
            AdmissionQuestion::Refund => rule.refund_label(),
            AdmissionQuestion::Overrun => rule.overrun_label(),
        }
    }

    /// How an answer is known without a log.
    fn without_a_log(self, rule: PtRule) -> (Grade, &'static str) {
        match self {
            AdmissionQuestion::Clock if rule.clock == WindowKind::Fixed => {
                (Grade::Documented, "windows run on the platform's clock, not aligned to requests")
            }
            AdmissionQuestion::Refund => {
                (Grade::Assumed, "the difference is documented to be given back, not when a late one is")
            }
            _ => (Grade::Assumed, "no page tells"),
        }
    }
}

/// Every question with its answer.
pub(in crate::projection::gsu) fn answers(learned: Option<&LearnedRule>) -> Vec<AdmissionAnswer> {
    AdmissionQuestion::ALL.iter().map(|question| answer(*question, learned)).collect()
}

fn answer(question: AdmissionQuestion, learned: Option<&LearnedRule>) -> AdmissionAnswer {
    let best = learned.and_then(|learned| learned.possible.first());
    let rule = best.map_or(PtRule::OF_THE_CURVE, |best| best.rule);
    let taken = question.answer(rule);
    let (grade, why) = question.without_a_log(rule);
    let Some(learned) = learned else {
        return AdmissionAnswer { question, taken, grade, evidence: why.into(), possible: Vec::new() };
    };
    let mut possible: Vec<&'static str> = vec![taken];
    for one in &learned.possible {
        let other = question.answer(one.rule);
        if !possible.contains(&other) {
            possible.push(other);
        }
    }
    let (grade, evidence) = match possible.len() {
        1 => (learned.grade(), learned.evidence()),
        n => {
            (grade, format!("{}: cannot tell, {n} answers explain the log alike; {why}", learned.evidence()))
        }
    };
    AdmissionAnswer { question, taken, grade, evidence, possible }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::{EstimateKind, Refund};

    fn told(found: &[AdmissionAnswer]) -> Vec<(&str, Grade)> {
        found.iter().map(|answer| (answer.taken, answer.grade)).collect()
    }

    #[test]
    fn without_a_log_only_the_clock_is_documented() {
        let found = answers(None);
        let expected = [
            ("mean output", Grade::Assumed),
            ("fixed clock", Grade::Documented),
            ("given back whenever the answer is whole", Grade::Assumed),
            ("forgotten", Grade::Assumed),
        ];
        assert_eq!(told(&found), expected);
        assert!(found.iter().all(|answer| answer.possible.is_empty()));
    }

    #[test]
    fn one_rule_that_is_left_is_measured_in_every_answer() {
        let rule = PtRule { clock: WindowKind::Sliding, ..PtRule::OF_THE_CURVE };
        let found = answers(Some(&LearnedRule::example(&[rule])));
        let expected = [
            ("mean output", Grade::Measured),
            ("sliding window", Grade::Measured),
            ("given back whenever the answer is whole", Grade::Measured),
            ("makes no difference", Grade::Measured),
        ];
        assert_eq!(told(&found), expected);
        assert_eq!(found[0].evidence, "n 20133, 2026-11-03 to 2026-11-05");
        let rehearsed = LearnedRule { rehearsed: true, ..LearnedRule::example(&[rule]) };
        assert!(answers(Some(&rehearsed)).iter().all(|answer| answer.grade == Grade::Rehearsed));
    }

    #[test]
    fn what_the_log_cannot_tell_keeps_its_grade_and_says_so() {
        let largest = PtRule { estimate: EstimateKind::Maximum, ..PtRule::OF_THE_CURVE };
        let found = answers(Some(&LearnedRule::example(&[
            largest,
            PtRule { refund: Refund::SameWindow, ..largest },
        ])));
        assert_eq!(found[0].grade, Grade::Measured);
        assert_eq!((found[0].taken, found[1].taken), ("largest output", "fixed clock"));
        let refund = &found[2];
        assert_eq!((refund.grade, refund.possible.len()), (Grade::Assumed, 2));
        assert!(
            refund.evidence.contains("cannot tell, 2 answers explain the log alike"),
            "{}",
            refund.evidence
        );
    }
}
