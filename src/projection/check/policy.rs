//! Limits on a plan, from flags or from a policy file.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    diagnostics::{BadFile, SourceText, Spanned},
    schema::{described, described_as},
    units::LARGEST_SENSIBLE,
};

/// What every complaint about this file starts with.
const TITLE: &str = "cannot use this policy";

/// What limits on the month's dollars count, where the workload has credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MoneyOf {
    /// What is left to pay after credits: what the invoice says, and what a budget of Google Cloud counts unless
    /// it is told otherwise.
    #[default]
    Owed,
    /// The bill before credits: what the traffic costs once they are used up.
    Bill,
}

impl std::str::FromStr for MoneyOf {
    type Err = String;

    fn from_str(text: &str) -> Result<MoneyOf, String> {
        match text {
            "owed" => Ok(MoneyOf::Owed),
            "bill" => Ok(MoneyOf::Bill),
            _ => Err("expected `owed` (after credits) or `bill` (before them)".into()),
        }
    }
}

/// Limits; what is `None` is not checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Most US dollars of the mean month.
    pub max_monthly_usd: Option<f64>,
    /// Most US dollars of the dearest month of the horizon.
    pub max_worst_month_usd: Option<f64>,
    /// Most by which the mean month may exceed the baseline's, a share of the latter.
    pub max_increase: Option<f64>,
    /// Most of the traffic that may be left to pay-as-you-go, a share, in each pool at `gsu` units.
    pub max_spill: Option<f64>,
    /// GSUs that are bought, for `max_spill`.
    pub gsu: Option<u64>,
    /// Most US dollars of a mean request.
    pub max_cost_per_request_usd: Option<f64>,
    /// Most GSUs that Google's form may ask for in any one pool.
    pub max_gsu: Option<u64>,
    /// Money limits must hold with at least this probability; `None` = the expected value must hold.
    pub confidence: Option<f64>,
    /// What limits on a month's dollars count; `None` = what is owed.
    pub money: Option<MoneyOf>,
    /// A file or folder of the baseline, relative to the policy file.
    pub baseline: Option<String>,
}

/// A share of at least 0, written `0.1` or `"10 %"`. A bare number above 1 is refused: whoever writes 5 may mean
/// five per cent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentage(pub f64);

impl std::str::FromStr for Percentage {
    type Err = String;

    fn from_str(text: &str) -> Result<Percentage, String> {
        let wrong = || format!("expected a share such as `10%` or `0.1`, found `{text}`");
        let text_ = text.trim();
        let checked = match text_.strip_suffix('%') {
            Some(number) => {
                let percent: f64 = number.trim_end().parse().map_err(|_| wrong())?;
                Percentage::checked(percent / 100.0, SHARE_MAX)
            }
            None => Percentage::checked(text_.parse().map_err(|_| wrong())?, 1.0),
        };
        checked.map_err(|problem| format!("{problem}, found `{text}`"))
    }
}

/// Largest share: a hundredfold increase.
const SHARE_MAX: f64 = 100.0;

impl Percentage {
    fn checked(share: f64, most: f64) -> Result<Percentage, String> {
        if (0.0..=most).contains(&share) {
            return Ok(Percentage(share));
        }
        Err("a share is written from `0%` to `10000%`, or as a number from 0 to 1".into())
    }
}

impl<'de> Deserialize<'de> for Percentage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Percentage, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Percentage;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a share such as 0.1 or \"10 %\"")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Percentage, E> {
                Percentage::checked(value, 1.0)
                    .map_err(|problem| E::custom(format!("{problem}, found {value}")))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Percentage, E> {
                self.visit_f64(value as f64)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Percentage, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

described!(Percentage, "Percentage", {
    "description": "A share: a number from 0 to 1, or a text such as `\"10 %\"` up to `\"10000 %\"`.",
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": 1,
    "pattern": r"^ *[0-9.]+ *%? *$"
});

/// A policy file as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.policy/1"))]
    schema: Option<Spanned<String>>,
    /// Most US dollars of the mean month.
    max_monthly_usd: Option<Spanned<f64>>,
    /// Most US dollars of the dearest month of the horizon.
    max_worst_month_usd: Option<Spanned<f64>>,
    /// Most by which the mean month may exceed the baseline's, a share of the latter.
    max_increase: Option<Percentage>,
    /// A plan.json or report folder to compare with, relative to this file.
    baseline: Option<Spanned<String>>,
    /// Most of the traffic that may be left to PayGo, a share, in each pool at `gsu` units.
    max_spill: Option<Spanned<Percentage>>,
    /// GSUs that are bought, for `max_spill`.
    gsu: Option<u64>,
    /// Most US dollars of a mean request.
    max_cost_per_request_usd: Option<Spanned<f64>>,
    /// Most GSUs that Google's form may ask for in any one pool.
    max_gsu: Option<u64>,
    /// Money limits must hold with at least this probability; default: the expected value must hold.
    confidence: Option<Spanned<Percentage>>,
    /// What limits on dollars count, where the workload has credits; default: what is owed after them.
    money: Option<MoneyOf>,
}

described_as!(Policy, PolicyFile);

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// When it is not TOML, has a key that is not known or a value out of bounds, or limits nothing; the message
    /// shows the place.
    pub fn parse(source: &SourceText) -> Result<Policy, BadFile> {
        let file: PolicyFile =
            toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
        if let Some(schema) = &file.schema
            && schema.as_ref() != "burndown.policy/1"
        {
            return Err(source.complaint(schema.span(), TITLE, "expected `burndown.policy/1`", None));
        }
        let usd = |field: &Option<Spanned<f64>>| {
            let Some(usd) = field else { return Ok(None) };
            if (0.0..=LARGEST_SENSIBLE as f64).contains(usd.as_ref()) {
                return Ok(Some(*usd.as_ref()));
            }
            let found = format!("expected dollars from 0 to {LARGEST_SENSIBLE}, found {}", usd.as_ref());
            Err(source.complaint(usd.span(), TITLE, &found, None))
        };
        let share = |field: &Option<Spanned<Percentage>>, what: &str, open: bool| {
            let Some(share) = field else { return Ok(None) };
            let value = share.as_ref().0;
            let fits = if open { 0.0 < value && value < 1.0 } else { value <= 1.0 };
            if fits {
                return Ok(Some(value));
            }
            Err(source.complaint(share.span(), TITLE, &format!("{what}, found {value}"), None))
        };
        let policy = Policy {
            max_monthly_usd: usd(&file.max_monthly_usd)?,
            max_worst_month_usd: usd(&file.max_worst_month_usd)?,
            max_increase: file.max_increase.map(|share| share.0),
            max_spill: share(&file.max_spill, "a share of traffic lies between 0 and 1", false)?,
            gsu: file.gsu,
            max_cost_per_request_usd: usd(&file.max_cost_per_request_usd)?,
            max_gsu: file.max_gsu,
            confidence: share(&file.confidence, "a probability lies strictly between 0 and 1", true)?,
            money: file.money,
            baseline: file.baseline.map(Spanned::into_inner),
        };
        if policy.limits_nothing() {
            return Err(BadFile(format!(
                "{TITLE}\n --> {}\n  it limits nothing\n\nhint: max_monthly_usd = 10_000",
                source.name
            )));
        }
        Ok(policy)
    }

    /// Whether no limit is set.
    pub fn limits_nothing(&self) -> bool {
        let money = [self.max_monthly_usd, self.max_worst_month_usd, self.max_cost_per_request_usd];
        let shares = [self.max_increase, self.max_spill];
        money.iter().chain(&shares).all(Option::is_none) && self.max_gsu.is_none()
    }

    /// This policy with another's limits where that has some.
    pub fn overridden_by(self, flags: Policy) -> Policy {
        Policy {
            max_monthly_usd: flags.max_monthly_usd.or(self.max_monthly_usd),
            max_worst_month_usd: flags.max_worst_month_usd.or(self.max_worst_month_usd),
            max_increase: flags.max_increase.or(self.max_increase),
            max_spill: flags.max_spill.or(self.max_spill),
            gsu: flags.gsu.or(self.gsu),
            max_cost_per_request_usd: flags.max_cost_per_request_usd.or(self.max_cost_per_request_usd),
            max_gsu: flags.max_gsu.or(self.max_gsu),
            confidence: flags.confidence.or(self.confidence),
            money: flags.money.or(self.money),
            baseline: flags.baseline.or(self.baseline),
        }
    }
}

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<PolicyFile>();
    }
}
