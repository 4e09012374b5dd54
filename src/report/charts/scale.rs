//! Axis steps, amounts as text, and labels pushed apart.

/// Marks of an axis.
#[derive(Debug, PartialEq)]
pub(super) struct Axis {
    /// Distance between two marks: 1, 2, 2.5 or 5 times a power of ten.
    step: f64,
    /// How many steps lie between zero and the first mark.
    first: u32,
    /// How many steps lie between zero and the last mark.
    last: u32,
}

impl Axis {
    /// About `steps` steps from zero to the first mark at or above `highest`.
    ///
    /// An axis without any spend goes to $1, so that it has marks at all.
    pub(super) fn up_to(highest: f64, steps: u32) -> Axis {
        /// Below this, amounts have more decimals than a label has room for.
        const LOWEST_TOP: f64 = 0.000_1;
        let highest = match highest {
            0.0 => 1.0,
            spend => spend.max(LOWEST_TOP),
        };
        let step = round_step(highest / f64::from(steps.max(1)));
        Axis { step, first: 0, last: steps_to(highest, step) }
    }

    /// Like [`Axis::up_to`], for things that come in whole pieces.
    pub(super) fn whole_up_to(highest: f64, steps: u32) -> Axis {
        let axis = Axis::up_to(highest, steps);
        // 0.1, 0.2, 0.25 and 0.5 become 1, and 2.5 becomes 5; larger steps are whole.
        let step = match axis.step {
            ..=1.0 => 1.0,
            2.5 => 5.0,
            step => step,
        };
        Axis { step, first: 0, last: steps_to(highest, step).max(1) }
    }

    /// About `steps` steps from the first mark at or below `lowest` to the first one at or above `highest`.
    ///
    /// Starts at zero unless that would leave more than two fifths of the axis empty, or the amounts are so near
    /// to each other that the marks would need many digits.
    pub(super) fn between(lowest: f64, highest: f64, steps: u32) -> Axis {
        let range = highest - lowest;
        if lowest < 0.4 * highest || range <= 0.001 * highest {
            return Axis::up_to(highest, steps);
        }
        let step = round_step(range / f64::from(steps.max(1)));
        Axis { step, first: (lowest / step + 1e-9) as u32, last: steps_to(highest, step) }
    }

    /// The lowest mark.
    pub(super) fn bottom(&self) -> f64 {
        self.step * f64::from(self.first)
    }

    /// The highest mark.
    pub(super) fn top(&self) -> f64 {
        self.step * f64::from(self.last)
    }

    /// Each mark with its text in dollars, from the bottom up. All texts share unit and decimals and no two are
    /// equal.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let (unit, suffix) = unit_of(self.top());
        let decimals = match decimals_of(self.step / unit) {
            // Dollars and cents: $0.50, not $0.5.
            1 if unit == 1.0 => 2,
            decimals => decimals,
        };
        self.marks_as(|mark| match mark {
            0.0 => "$0".to_owned(),
            mark => format!("${}{suffix}", group(mark / unit, decimals)),
        })
    }

    /// Each mark as a number followed by `suffix`, from the bottom up.
    pub(super) fn plain_marks(&self, suffix: &str) -> Vec<(f64, String)> {
        let (unit, power) = plain_unit_of(self.top());
        let decimals = decimals_of(self.step / unit);
        self.marks_as(|mark| match mark {
            0.0 => format!("0{suffix}"),
            mark => format!("{}{power}{suffix}", group(mark / unit, decimals)),
        })
    }

    fn marks_as(&self, text: impl Fn(f64) -> String) -> Vec<(f64, String)> {
        let marks = (self.first..=self.last).map(|steps| self.step * f64::from(steps));
        marks.map(|mark| (mark, text(mark))).collect()
    }
}

/// The first of 1, 2, 2.5, 5 or 10 times a power of ten that is not below `wished`.
fn round_step(wished: f64) -> f64 {
    let power = 10f64.powf(wished.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= wished * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Steps from zero to the first mark at or above `highest`. The tolerance keeps 0.3 / 0.1 at three steps.
fn steps_to(highest: f64, step: f64) -> u32 {
    (highest / step - 1e-9).ceil() as u32
}

/// How many decimals a step needs to be written exactly.
fn decimals_of(step: f64) -> usize {
    let exact = (0..12).find(|decimals| {
        let shifted = step * 10f64.powi(*decimals);
        (shifted - shifted.round()).abs() < 1e-6 * shifted
    });
    exact.unwrap_or(12) as usize
}

/// An amount in USD with three or four significant digits: `$0.0203`, `$41.20`, `$7,912`, `$11.4k`, `$50M`.
pub(super) fn short_usd(usd: f64) -> String {
    if usd == 0.0 {
        return "$0".to_owned();
    }
    if usd < 0.000_001 {
        return "<$0.000001".to_owned();
    }
    if (999.5..9_999.5).contains(&usd) {
        return format!("${}", group(usd.round(), 0));
    }
    // Rounding comes before the choice of the unit: 999,960 is $1M, not $1000k.
    let rounded: f64 = format!("{usd:.2e}").parse().unwrap_or(usd);
    let (unit, suffix) = unit_of(rounded);
    let scaled = rounded / unit;
    // Cents are always two digits.
    let shortest = if unit == 1.0 && scaled < 100.0 { 2 } else { 0 };
    let decimals = (2.0 - scaled.log10().floor()).max(0.0) as usize;
    let digits = format!("{scaled:.*}", decimals.max(shortest));
    format!("${}{suffix}", without_zeros(&digits, shortest))
}

/// A number with two or three significant digits, whole from 100 up: `0.31`, `8.63`, `17`, `2,140`, `1.2M`.
pub(super) fn short_number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if number < 0.01 {
        return "<0.01".to_owned();
    }
    let (unit, power) = plain_unit_of(number);
    let scaled = number / unit;
    let decimals = match scaled {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{}{power}", without_zeros(&group(scaled, decimals), 0))
}

/// Marks of a logarithmic axis between two positive ends, 1 among them where it lies between: as many as `fit`.
///
/// The candidates are steps of a hundredth up to powers of ten; the finest of them counts whose marks fit.
pub(super) fn log_marks(low: f64, high: f64, fit: impl Fn(&[(f64, String)]) -> bool) -> Vec<(f64, String)> {
    const MOST: usize = 10;
    let steps = |step: f64| -> Vec<f64> {
        let first = (low / step).ceil();
        let count = ((high / step).floor() - first).clamp(-1.0, 60.0) as i64;
        (0..=count).map(|at| (first + at as f64) * step).collect()
    };
    let powers = |factors: &[f64], every: i32| -> Vec<f64> {
        let range = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let of = |power: i32| factors.iter().map(move |factor| factor * 10f64.powi(power));
        range.filter(|power| power % every == 0).flat_map(of).collect()
    };
    let candidates = [
        steps(0.01),
        steps(0.02),
        steps(0.05),
        steps(0.1),
        steps(0.2),
        powers(&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0], 1),
        powers(&[1.0, 2.0, 5.0], 1),
        powers(&[1.0, 3.0], 1),
        powers(&[1.0], 1),
        powers(&[1.0], 2),
    ];
    for values in candidates {
        let inside =
            values.into_iter().filter(|value| *value >= low * 0.999_999 && *value <= high * 1.000_001);
        // Steps of a tenth come out as 0.30000000000000004.
        let rounded = inside.map(|value| format!("{value:.9e}").parse().unwrap_or(value));
        let marks: Vec<(f64, String)> = rounded.map(|value: f64| (value, plain_decimal(value))).collect();
        let holds_one = !(low..=high).contains(&1.0) || marks.iter().any(|(value, _)| *value == 1.0);
        if (1..=MOST).contains(&marks.len()) && holds_one && fit(&marks) {
            return marks;
        }
    }
    if (low..=high).contains(&1.0) { vec![(1.0, "1".to_owned())] } else { Vec::new() }
}

/// A round number without needless zeros: `0.05`, `1`, `2,000`.
fn plain_decimal(number: f64) -> String {
    let text = group(number, 6);
    without_zeros(&text, 0)
}

/// A ratio with two decimals around 1 and three digits elsewhere: `0.98`, `1.02`, `12.3`, `0.0123`, `140`.
pub(in crate::report) fn short_ratio(ratio: f64) -> String {
    match ratio {
        ..0.0001 => "<0.0001".to_owned(),
        ..0.0995 => {
            let decimals = (1.0 - ratio.log10().floor()) as usize;
            format!("{ratio:.decimals$}")
        }
        ..9.995 => format!("{ratio:.2}"),
        ..99.95 => format!("{ratio:.1}"),
        _ => group(ratio, 0),
    }
}

/// A share as a percentage: whole, but `<1 %` for what is not nothing.
pub(super) fn percent(share: f64) -> String {
    match share {
        0.0 => "0 %".to_owned(),
        ..0.005 => "<1 %".to_owned(),
        share => format!("{:.0} %", 100.0 * share),
    }
}

/// Positions at least `gap` apart and between `first` and `last`, as near to the wished ones as that allows.
///
/// Wishes are moved together: neighbours that collide form a block around the mean of their wishes. When there
/// is no room for all, they start at `first` and go beyond `last`. The result is in the order of the input.
pub(super) fn push_apart(wishes: &[f64], gap: f64, first: f64, last: f64) -> Vec<f64> {
    struct Block {
        members: Vec<usize>,
        top: f64,
    }
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by(|a, b| wishes[*a].total_cmp(&wishes[*b]));
    let top_of = |members: &[usize]| {
        let length = gap * (members.len() - 1) as f64;
        let mean = members.iter().map(|index| wishes[*index]).sum::<f64>() / members.len() as f64;
        (mean - length / 2.0).min(last - length).max(first)
    };
    let mut blocks: Vec<Block> = Vec::new();
    for index in order {
        let mut members = vec![index];
        let mut top = top_of(&members);
        while let Some(above) = blocks.pop_if(|above| above.top + gap * above.members.len() as f64 > top) {
            members = [above.members, members].concat();
            top = top_of(&members);
        }
        blocks.push(Block { members, top });
    }
    let mut placed = vec![0.0; wishes.len()];
    for block in blocks {
        for (rank, index) in block.members.into_iter().enumerate() {
            placed[index] = block.top + gap * rank as f64;
        }
    }
    placed
}

/// The unit in which amounts up to `highest` are written.
fn unit_of(highest: f64) -> (f64, &'static str) {
    match highest {
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "B"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    }
}

/// The unit in which numbers up to `highest` are written that are not money.
fn plain_unit_of(highest: f64) -> (f64, &'static str) {
    match highest {
        ..999_999.5 => (1.0, ""),
        _ => unit_of(highest.max(1e6)),
    }
}

/// A number with commas between groups of three digits.
fn group(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let whole_length = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && index < whole_length && (whole_length - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Decimal digits without trailing zeros, but at least `shortest` decimals.
fn without_zeros(digits: &str, shortest: usize) -> String {
    let Some((whole, decimals)) = digits.split_once('.') else {
        return digits.to_owned();
    };
    let mut decimals = decimals.to_owned();
    while decimals.len() > shortest && decimals.ends_with('0') {
        decimals.pop();
    }
    match decimals.is_empty() {
        true => whole.to_owned(),
        false => format!("{whole}.{decimals}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_marks(highest: f64, expected: &[&str]) {
        let marks = Axis::up_to(highest, 5).marks();
        let texts: Vec<&str> = marks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn marks_are_round_and_carry_just_enough_digits() {
        check_marks(0.0, &["$0", "$0.20", "$0.40", "$0.60", "$0.80", "$1.00"]);
        check_marks(0.02, &["$0", "$0.005", "$0.010", "$0.015", "$0.020"]);
        check_marks(7.0, &["$0", "$2", "$4", "$6", "$8"]);
        check_marks(4_100.0, &["$0", "$1,000", "$2,000", "$3,000", "$4,000", "$5,000"]);
        check_marks(11_400.0, &["$0", "$2.5k", "$5.0k", "$7.5k", "$10.0k", "$12.5k"]);
        check_marks(50e6, &["$0", "$10M", "$20M", "$30M", "$40M", "$50M"]);
    }

    #[test]
    fn marks_reach_the_highest_value_and_are_never_equal() {
        for exponent in -60..150 {
            let highest = 10f64.powf(f64::from(exponent) / 10.0);
            for steps in 1..=6 {
                let axis = Axis::up_to(highest, steps);
                assert!(axis.top() >= highest * (1.0 - 1e-8), "{highest}: {axis:?}");
                let marks = axis.marks();
                assert!(marks.len() <= steps as usize + 1, "{marks:?}");
                for pair in marks.windows(2) {
                    assert_ne!(pair[0].1, pair[1].1, "{marks:?}");
                }
            }
        }
    }

    #[test]
    fn pieces_are_counted_in_whole_steps() {
        let check = |highest, expected: &[&str]| {
            let marks = Axis::whole_up_to(highest, 5).plain_marks("");
            let texts: Vec<&str> = marks.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, expected);
        };
        check(0.0, &["0", "1"]);
        check(1.0, &["0", "1"]);
        check(3.0, &["0", "1", "2", "3"]);
        check(11.0, &["0", "5", "10", "15"]);
        check(17.0, &["0", "5", "10", "15", "20"]);
        check(20_000.0, &["0", "5,000", "10,000", "15,000", "20,000"]);
        check(3e6, &["0", "1M", "2M", "3M"]);
    }

    #[test]
    fn an_axis_leaves_zero_out_only_when_the_amounts_lie_far_from_it() {
        let check = |lowest, highest, expected: &[&str]| {
            let marks = Axis::between(lowest, highest, 5).marks();
            let texts: Vec<&str> = marks.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, expected);
        };
        check(0.0, 0.0, &["$0", "$0.20", "$0.40", "$0.60", "$0.80", "$1.00"]);
        check(3_000.0, 10_000.0, &["$0", "$2k", "$4k", "$6k", "$8k", "$10k"]);
        check(6_100.0, 8_300.0, &["$6,000", "$6,500", "$7,000", "$7,500", "$8,000", "$8,500"]);
        check(8_000.0, 8_000.0, &["$0", "$2,000", "$4,000", "$6,000", "$8,000"]);
        check(9_950_000.0, 10_020_000.0, &["$9.94M", "$9.96M", "$9.98M", "$10.00M", "$10.02M"]);
    }

    #[test]
    fn numbers_and_shares_are_short_and_never_lose_what_is_not_nothing() {
        let check = |number, expected: &str| assert_eq!(short_number(number), expected);
        check(0.0, "0");
        check(0.004, "<0.01");
        check(0.31, "0.31");
        check(8.627, "8.63");
        check(9.996, "10");
        check(17.0, "17");
        check(17.26, "17.3");
        check(99.96, "100");
        check(2_140.4, "2,140");
        check(999_999.7, "1M");
        check(1_250_000.0, "1.25M");
        assert_eq!([0.0, 0.001, 0.314, 1.0].map(percent), ["0 %", "<1 %", "31 %", "100 %"]);
    }

    #[test]
    fn amounts_have_three_or_four_significant_digits() {
        let check = |usd, expected: &str| assert_eq!(short_usd(usd), expected);
        check(0.0, "$0");
        check(0.000_000_4, "<$0.000001");
        check(0.02, "$0.02");
        check(0.020_3, "$0.0203");
        check(0.5, "$0.50");
        check(41.2, "$41.20");
        check(99.99, "$100");
        check(134.4, "$134");
        check(999.9, "$1,000");
        check(7_912.4, "$7,912");
        check(9_999.7, "$10k");
        check(11_432.0, "$11.4k");
        check(999_960.0, "$1M");
        check(50e6, "$50M");
        check(1e15, "$1000T");
    }

    #[test]
    fn labels_keep_their_distance_and_their_order() {
        let check = |wishes: &[f64], expected: &[f64]| {
            assert_eq!(push_apart(wishes, 10.0, 0.0, 100.0), expected);
        };
        check(&[], &[]);
        check(&[50.0], &[50.0]);
        check(&[50.0, 50.0], &[45.0, 55.0]);
        check(&[80.0, 20.0], &[80.0, 20.0]);
        check(&[100.0, 99.0, 98.0], &[100.0, 90.0, 80.0]);
        check(&[0.0, 0.0, 11.0], &[0.0, 10.0, 20.0]);
    }
}
