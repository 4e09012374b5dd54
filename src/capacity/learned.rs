//! What production taught about the rules of admission: which of them a log of admitted and spilled requests
//! leaves possible.
//!
//! The documentation leaves open what a request is admitted with, on which clock windows run and what becomes
//! of a wrong estimate. A log that tells of every request whether a GSU served it can say. What was learned is
//! a small file of its own, so that a plan can take it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Overrun, Refund};
use crate::{
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Grade, ModelId},
    units::Share,
};

const SCHEMA: &str = "burndown.pt-rule/1";
const TITLE: &str = "learned rule of admission";

/// What a request may be admitted with. Input is known in each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EstimateKind {
    /// The mean output of such requests.
    Mean,
    /// The largest output of such requests.
    Maximum,
    /// What it will burn.
    Actual,
    /// No output.
    Input,
    /// The most output that the model's contract allows, all of it of the dearest class.
    ContractCap,
}

/// When windows may start and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// One window after the other on the platform's clock.
    Fixed,
    /// The last window's length before each request.
    Sliding,
    /// A bucket that holds one quota and fills by one a window.
    Bucket,
}

/// One way that requests could be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PtRule {
    /// What a request is admitted with.
    pub estimate: EstimateKind,
    /// When windows start and end.
    pub clock: WindowKind,
    /// What becomes of an estimate that was too high.
    pub refund: Refund,
    /// What becomes of burn above the quota.
    pub overrun: Overrun,
}

impl EstimateKind {
    /// All of them; what a plan takes for granted stands first.
    pub const ALL: [EstimateKind; 5] = [
        EstimateKind::Mean,
        EstimateKind::Maximum,
        EstimateKind::Actual,
        EstimateKind::Input,
        EstimateKind::ContractCap,
    ];

    /// It in words.
    pub fn label(self) -> &'static str {
        match self {
            EstimateKind::Mean => "mean output",
            EstimateKind::Maximum => "largest output",
            EstimateKind::Actual => "actual output",
            EstimateKind::Input => "input alone",
            EstimateKind::ContractCap => "contract cap",
        }
    }
}

impl WindowKind {
    /// All of them; the documented one stands first.
    pub const ALL: [WindowKind; 3] = [WindowKind::Fixed, WindowKind::Sliding, WindowKind::Bucket];

    /// It in words.
    pub fn label(self) -> &'static str {
        match self {
            WindowKind::Fixed => "fixed clock",
            WindowKind::Sliding => "sliding window",
            WindowKind::Bucket => "token bucket",
        }
    }
}

impl PtRule {
    /// What a plan's curve takes for granted: estimates right on average, a fixed clock, late refunds given
    /// back, overrun forgotten.
    pub const OF_THE_CURVE: PtRule = PtRule {
        estimate: EstimateKind::Mean,
        clock: WindowKind::Fixed,
        refund: Refund::Any,
        overrun: Overrun::Forget,
    };

    /// Every rule that can admit differently from the others, that of the curve first.
    ///
    /// Where two settings can make no difference only the first is listed: an estimate that is never too high
    /// has nothing to give back, one that is never too low nothing to forget, and a sliding window forgets a
    /// request with its estimate.
    pub fn all() -> Vec<PtRule> {
        let refunds = [Refund::Any, Refund::SameWindow, Refund::Never];
        let mut rules = Vec::new();
        for estimate in EstimateKind::ALL {
            for clock in WindowKind::ALL {
                for refund in refunds {
                    for overrun in [Overrun::Forget, Overrun::Debt] {
                        let rule = PtRule { estimate, clock, refund, overrun };
                        if rule == rule.plainest() {
                            rules.push(rule);
                        }
                    }
                }
            }
        }
        rules
    }

    /// The same rule with settings that make no difference set to the first of their kind.
    fn plainest(self) -> PtRule {
        let refund = match self.refund {
            _ if self.never_high() => Refund::Any,
            Refund::SameWindow if self.clock == WindowKind::Sliding => Refund::Any,
            refund => refund,
        };
        let overrun = if self.forgets_nothing() { Overrun::Forget } else { self.overrun };
        PtRule { refund, overrun, ..self }
    }

    /// Whether nothing can be given back.
    fn never_high(self) -> bool {
        matches!(self.estimate, EstimateKind::Actual | EstimateKind::Input)
    }

    /// Whether overrun cannot be, or ends with its request.
    fn forgets_nothing(self) -> bool {
        let never_low = !matches!(self.estimate, EstimateKind::Mean | EstimateKind::Input);
        never_low || self.clock == WindowKind::Sliding
    }

    /// What becomes of an estimate that was too high, in words.
    pub fn refund_label(self) -> &'static str {
        match self.refund {
            _ if self.never_high() => "makes no difference",
            Refund::Any => "given back whenever the answer is whole",
            Refund::SameWindow => "given back in the same window only",
            Refund::Never => "never given back",
        }
    }

    /// What becomes of burn above the quota, in words.
    pub fn overrun_label(self) -> &'static str {
        match self.overrun {
            _ if self.forgets_nothing() => "makes no difference",
            Overrun::Forget => "forgotten",
            Overrun::Debt => "a debt",
        }
    }

    /// It in words: `mean output, fixed clock, late refunds kept`.
    pub fn label(self) -> String {
        let refund = match self.refund {
            Refund::Any => "",
            Refund::SameWindow => ", refund in the same window only",
            Refund::Never => ", no refund",
        };
        let overrun = if self.overrun == Overrun::Debt { ", overrun is a debt" } else { "" };
        format!("{}, {}{refund}{overrun}", self.estimate.label(), self.clock.label())
    }
}

/// What a log taught: the rules that it leaves possible, and what that rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnedRule {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.pt-rule/1"))]
    pub schema: String,
    /// The model whose requests were logged.
    pub model: ModelId,
    /// GSUs that were bought.
    pub gsu: u64,
    /// Their enforcement window, seconds.
    pub window_seconds: u64,
    /// Arrival of the first request that counts, RFC 3339.
    pub first: String,
    /// Arrival of the last.
    pub last: String,
    /// Requests that were held against the rules.
    pub requests: u64,
    /// Of them not served by a GSU.
    pub spilled: u64,
    /// Requests that Google counted in the same time: the log holds them all.
    pub invocations: u64,
    /// Blocks of time over which confidence was taken.
    pub blocks: u64,
    /// Level of confidence at which all other rules are excluded together.
    pub confidence: Share,
    /// The log came from the emulator.
    #[serde(default)]
    pub rehearsed: bool,
    /// Rules that the log cannot exclude, best first; never empty.
    pub possible: Vec<PossibleRule>,
    /// The closest rule that it excludes.
    pub excluded: Option<ExcludedRule>,
}

/// A rule that a log leaves possible.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PossibleRule {
    /// Share of the requests that it would have treated otherwise than they were.
    pub disagreement: f64,
    /// Start of a window, seconds after a whole number of windows since 1970; of a fixed clock alone.
    pub phase_seconds: Option<f64>,
    /// Its mean output over that of the log, where it estimates by a mean.
    pub mean_factor: Option<f64>,
    /// The rule.
    pub rule: PtRule,
}

/// A rule that a log excludes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludedRule {
    /// Share of the requests that it would have treated otherwise than they were.
    pub disagreement: f64,
    /// How much more than the best rule's at least, at the level of confidence.
    pub more_at_least: f64,
    /// The rule.
    pub rule: PtRule,
}

impl LearnedRule {
    /// Version of the file format.
    pub const SCHEMA: &'static str = SCHEMA;

    /// Reads what was learned.
    ///
    /// # Errors
    ///
    /// When the text is no such file, leaves no rule possible or rests on no request; the message shows the place.
    pub fn parse(source: &SourceText) -> Result<LearnedRule, BadFile> {
        let read: Spanned<LearnedRule> =
            toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
        let (span, learned) = (read.span(), read.into_inner());
        let problem = if learned.schema != SCHEMA {
            Some(format!("expected the schema `{SCHEMA}`, found `{}`", learned.schema))
        } else if learned.possible.is_empty() {
            Some("no rule is left possible: such a file says nothing".into())
        } else if learned.spilled > learned.requests || learned.requests == 0 {
            Some(format!("found {} spilled of {} requests", learned.spilled, learned.requests))
        } else {
            None
        };
        match problem {
            Some(problem) => Err(source.complaint(span, TITLE, &problem, None)),
            None => Ok(learned),
        }
    }

    /// The file's text.
    pub fn to_toml(&self) -> String {
        let head = "# Learned by `burndown replay --learn-rule`. In the folder provisioned/ of --profiles DIR, plan and\n# gsu reckon with it.\n";
        format!("{head}{}", toml::to_string(self).expect("what was learned is plain data"))
    }

    /// Whether a rule is still possible; settings of it that make no difference do not count.
    pub fn allows(&self, rule: PtRule) -> bool {
        self.possible.iter().any(|possible| possible.rule == rule.plainest())
    }

    /// `measured`, or `rehearsed` where the log came from the emulator.
    pub fn grade(&self) -> Grade {
        if self.rehearsed { Grade::Rehearsed } else { Grade::Measured }
    }

    /// What it rests on: `n 20133, 2026-11-03 to 2026-11-05`.
    pub fn evidence(&self) -> String {
        format!("n {}, {}", self.requests, self.days())
    }

    /// First and last day of the log: `2026-11-03 to 2026-11-05`.
    pub fn days(&self) -> String {
        let [first, last] = [&self.first, &self.last].map(|moment| moment.get(..10).unwrap_or(moment));
        format!("{first} to {last}")
    }

    /// `measured (n 20133, 2026-11-03 to 2026-11-05): mean output, fixed clock`, and how many others are possible.
    pub fn words(&self) -> String {
        let best = self.possible.first().map(|best| best.rule.label()).unwrap_or_default();
        let others = match self.possible.len() {
            0 | 1 => String::new(),
            n => format!(", or one of {} others", n - 1),
        };
        format!("{} ({}): {best}{others}", self.grade(), self.evidence())
    }
}

#[cfg(test)]
impl LearnedRule {
    /// These rules are possible, and none is excluded.
    pub(crate) fn example(rules: &[PtRule]) -> LearnedRule {
        let possible = |rule: &PtRule| PossibleRule {
            rule: *rule,
            disagreement: 0.001,
            phase_seconds: Some(0.0),
            mean_factor: None,
        };
        LearnedRule {
            schema: LearnedRule::SCHEMA.into(),
            model: "gemini-3-pro-image".into(),
            gsu: 5,
            window_seconds: 246,
            first: "2026-11-03T00:00:04Z".into(),
            last: "2026-11-05T23:59:58Z".into(),
            requests: 20_133,
            spilled: 1_811,
            invocations: 20_140,
            blocks: 210,
            confidence: 0.95.try_into().unwrap(),
            possible: rules.iter().map(possible).collect(),
            excluded: None,
            rehearsed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> LearnedRule {
        let excluded = ExcludedRule {
            rule: PtRule { clock: WindowKind::Sliding, ..PtRule::OF_THE_CURVE },
            disagreement: 0.04,
            more_at_least: 0.03,
        };
        LearnedRule { excluded: Some(excluded), ..LearnedRule::example(&[PtRule::OF_THE_CURVE]) }
    }

    fn source(text: String) -> SourceText {
        SourceText { name: "rule.toml".into(), text }
    }

    #[test]
    fn rules_that_cannot_differ_are_listed_once() {
        let rules = PtRule::all();
        assert_eq!(rules[0], PtRule::OF_THE_CURVE);
        // Mean 6 + 2 + 6, maximum and cap 3 + 2 + 3 each, actual 3, input 2 + 1 + 2.
        assert_eq!(rules.len(), 14 + 8 + 8 + 3 + 5);
        let mut unique = rules.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), rules.len());
        assert!(rules.iter().all(|rule| *rule == rule.plainest()));
    }

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        use crate::schema::keys::check;
        check::<LearnedRule>();
        check::<PossibleRule>();
        check::<ExcludedRule>();
        check::<PtRule>();
    }

    #[test]
    fn what_is_written_is_read_again() {
        let learned = learned();
        assert_eq!(LearnedRule::parse(&source(learned.to_toml())).unwrap(), learned);
        assert_eq!(learned.evidence(), "n 20133, 2026-11-03 to 2026-11-05");
    }

    #[test]
    fn a_setting_without_effect_rules_nothing_out() {
        let mut learned = learned();
        let actual = PtRule { estimate: EstimateKind::Actual, ..PtRule::OF_THE_CURVE };
        learned.possible[0].rule = actual;
        assert!(learned.allows(PtRule { refund: Refund::Never, overrun: Overrun::Debt, ..actual }));
        assert!(!learned.allows(PtRule { clock: WindowKind::Bucket, ..actual }));
    }

    #[test]
    fn a_file_that_says_nothing_is_refused_at_its_place() {
        let refused = |change: &dyn Fn(&mut LearnedRule)| {
            let mut learned = learned();
            change(&mut learned);
            LearnedRule::parse(&source(learned.to_toml())).unwrap_err().to_string()
        };
        assert!(refused(&|l| l.possible.clear()).contains("no rule is left possible"));
        assert!(refused(&|l| l.requests = 0).contains("found 1811 spilled of 0 requests"));
        assert!(refused(&|l| l.schema = "x/1".into()).contains("expected the schema `burndown.pt-rule/1`"));
    }
}
