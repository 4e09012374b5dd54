//! Numbers for people: one spelling for the whole program.

use rust_decimal::Decimal;

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `69,900` or `1,120.5`, all decimals kept.
pub fn decimal_grouped(number: Decimal) -> String {
    let text = number.normalize().to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.parse().map_or(whole.to_string(), grouped);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Dollars without cents: `$12,346`; cents below ten: `$3.27`; `-$5` below zero.
pub fn money_whole(usd: f64) -> String {
    let sign = if usd < 0.0 { "-" } else { "" };
    let size = usd.abs();
    if size < 10.0 && size > 0.0 {
        return format!("{sign}${size:.2}");
    }
    format!("{sign}${}", grouped(size.round() as u64))
}

/// A price per request: four significant digits, `$0.1442`, `$1.250`.
pub fn money_small(usd: f64) -> String {
    if usd == 0.0 {
        return "$0".into();
    }
    let decimals = (3 - usd.abs().log10().floor() as i32).clamp(2, 10) as usize;
    let sign = if usd < 0.0 { "-" } else { "" };
    format!("{sign}${:.decimals$}", usd.abs())
}

/// `12 %`, `0.4 %`, `< 0.1 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".into(),
        small if small.abs() < 0.1 => "< 0.1 %".into(),
        small if small.abs() < 9.95 => format!("{small:.1} %"),
        large => format!("{large:.0} %"),
    }
}

/// A number of three or more significant digits for tables: `1,120`, `14.8`, `0.512`.
pub fn figure(number: f64) -> String {
    let size = number.abs();
    let sign = if number < 0.0 { "-" } else { "" };
    match size {
        0.0 => "0".into(),
        large if large >= 99.95 => format!("{sign}{}", grouped(large.round() as u64)),
        large if large >= 9.995 => format!("{sign}{large:.1}"),
        large if large >= 0.9995 => format!("{sign}{large:.2}"),
        small => format!("{sign}{small:.3}"),
    }
}

/// Dollars with their sign, and their sum as the last: `+$1,206`, `-$5`, `+$1,201`; in cents where the largest is
/// below a hundred.
pub fn signed_amounts(usd: &[f64]) -> Vec<String> {
    let largest = usd.iter().fold(0.0_f64, |most, amount| most.max(amount.abs()));
    rounded_amounts(usd, if largest < 100.0 { 100.0 } else { 1.0 })
}

/// The same in cents, as bills are.
pub fn signed_cents(usd: &[f64]) -> Vec<String> {
    rounded_amounts(usd, 100.0)
}

/// What is shown adds up to the sum that is shown: each amount is rounded, and what the rounding lost is put back
/// where it was largest.
fn rounded_amounts(usd: &[f64], per_dollar: f64) -> Vec<String> {
    let scaled: Vec<f64> = usd.iter().map(|amount| amount * per_dollar).collect();
    let sum = scaled.iter().sum::<f64>().round();
    let mut units: Vec<f64> = scaled.iter().map(|amount| amount.round()).collect();
    let lost = sum - units.iter().sum::<f64>();
    let lost_by = |at: usize| (scaled[at] - scaled[at].round()) * lost.signum();
    let mut order: Vec<usize> = (0..usd.len()).collect();
    order.sort_by(|a, b| lost_by(*b).total_cmp(&lost_by(*a)).then(a.cmp(b)));
    let times = lost.abs().min(usd.len() as f64) as usize;
    order.iter().take(times).for_each(|at| units[*at] += lost.signum());
    units.push(sum);
    let text = |units: f64| {
        let sign = if units < 0.0 {
            "-"
        } else if units > 0.0 {
            "+"
        } else {
            ""
        };
        let cents = units.abs() as u64;
        match per_dollar {
            1.0 => format!("{sign}${}", grouped(cents)),
            _ => format!("{sign}${}.{:02}", grouped(cents / 100), cents % 100),
        }
    };
    units.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(decimal_grouped("1120.50".parse().unwrap()), "1,120.5");
        assert_eq!(money_whole(12_345.6), "$12,346");
        assert_eq!(money_whole(-0.5), "-$0.50");
        assert_eq!(money_small(0.144_2), "$0.1442");
        assert_eq!(money_small(0.000_652), "$0.0006520");
        assert_eq!(percent(0.004), "0.4 %");
        assert_eq!(percent(0.123), "12 %");
        assert_eq!(figure(0.512), "0.512");
        assert_eq!(figure(1120.4), "1,120");
    }

    #[test]
    fn amounts_that_are_shown_add_up_to_the_sum_that_is_shown() {
        assert_eq!(signed_amounts(&[100.5, 200.5, -0.4]), ["+$100", "+$201", "$0", "+$301"]);
        assert_eq!(signed_amounts(&[-1206.4, 5.0]), ["-$1,206", "+$5", "-$1,201"]);
        assert_eq!(signed_amounts(&[0.333, 0.333, 0.333]), ["+$0.34", "+$0.33", "+$0.33", "+$1.00"]);
        assert_eq!(signed_amounts(&[-3.0]), ["-$3.00", "-$3.00"]);
        assert_eq!(signed_amounts(&[]), ["$0.00"]);
    }
}
