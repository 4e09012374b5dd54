//! Exactness, bounds and words of the units.

use super::*;
use rust_decimal::dec;

#[test]
fn a_price_is_exact_and_never_negative() {
    assert_eq!(Rate::try_from(dec!(-3)), Err(RateError::Negative(dec!(-3))));
    assert_eq!(
        Rate::try_from(dec!(0.08333333333333334)),
        Err(RateError::TooManyDecimals(dec!(0.08333333333333334)))
    );
    assert_eq!(Rate::try_from(dec!(0.0375)).unwrap().cost_of_tokens(1).to_string(), "0.0000000375");
}

#[test]
fn a_share_says_how_to_write_a_percentage() {
    assert_eq!(
        Share::try_from(30.0).unwrap_err().to_string(),
        "a share lies between 0 and 1, found 30 (for 30 % write 0.3)"
    );
    assert!(Share::try_from(f64::NAN).is_err());
}

#[test]
fn a_symmetric_range_has_its_mean_in_the_middle_and_the_normal_sd() {
    let range = Range::around(100.0, 0.15);
    assert_eq!(range.mean(), 100.0);
    // A normal variable with these 5 % points has sd 15 / 1.6449 = 9.119.
    assert!((range.standard_deviation() - 9.12).abs() < 0.01);
}

#[test]
fn a_range_must_ascend() {
    assert_eq!(
        Range::try_from([3.0, 2.0, 5.0]).unwrap_err().to_string(),
        "a range is [p5, likely, p95] in ascending order, found [3, 2, 5]"
    );
}
