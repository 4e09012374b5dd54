//! The covering against full enumeration, hand-worked cases and a published shape of answers.

use rand::RngExt;

use super::{Cover, FlowError, cheapest_covering, generator, lower_convex_envelope};

fn cover(from: usize, to: usize, cost: f64) -> Cover {
    Cover { from, to, cost, most: usize::MAX }
}

/// One cover per start and term, at the full price also where it ends after the last step.
fn covers(steps: usize, terms: &[(usize, f64)]) -> Vec<Cover> {
    let at =
        |from: usize| terms.iter().map(move |(length, cost)| cover(from, steps.min(from + length), *cost));
    (0..steps).flat_map(at).collect()
}

/// Costs of levels plus covers, by trying every count of every cover.
fn by_enumeration(held: &[Vec<f64>], covers: &[Cover], level: &mut Vec<usize>) -> f64 {
    let Some((first, rest)) = covers.split_first() else {
        return held.iter().zip(level).map(|(table, level)| table[*level]).sum();
    };
    let capacity = held[0].len() - 1;
    let room = (first.from..first.to).map(|step| capacity - level[step]).min().unwrap().min(first.most);
    let mut best = f64::INFINITY;
    for count in 0..=room {
        (first.from..first.to).for_each(|step| level[step] += count);
        best = best.min(first.cost * count as f64 + by_enumeration(held, rest, level));
        (first.from..first.to).for_each(|step| level[step] -= count);
    }
    best
}

/// The plan that buys layer by layer, each by dynamic programming over time.
fn by_layers(held: &[Vec<f64>], covers: &[Cover]) -> f64 {
    let steps = held.len();
    let mut level = vec![0; steps];
    let mut total = 0.0;
    for _ in 1..held[0].len() {
        let mut best = vec![(0.0, None); steps + 1];
        for step in (0..steps).rev() {
            best[step] = (best[step + 1].0 + held[step][level[step]], None);
            for cover in covers.iter().filter(|cover| cover.from == step) {
                let gain: f64 = (step..cover.to).map(|t| held[t][level[t] + 1]).sum();
                let cost = cover.cost + gain + best[cover.to].0;
                if cost < best[step].0 {
                    best[step] = (cost, Some(*cover));
                }
            }
        }
        let mut step = 0;
        while step < steps {
            step = match best[step].1 {
                Some(cover) => {
                    (cover.from..cover.to).for_each(|t| level[t] += 1);
                    total += cover.cost;
                    cover.to
                }
                None => step + 1,
            }
        }
    }
    total + held.iter().zip(level).map(|(table, level)| table[level]).sum::<f64>()
}

fn oracle(name: &str) -> serde_json::Value {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/oracles.json"));
    serde_json::from_str::<serde_json::Value>(text).unwrap()[name].clone()
}

#[test]
fn one_unit_for_three_periods_is_the_cheapest_of_the_first_ladder() {
    let held = [vec![10.0, 4.0, 1.0], vec![12.0, 5.0, 1.0], vec![9.0, 4.0, 2.0]];
    let covers = covers(3, &[(1, 5.0), (2, 8.0), (3, 11.0)]);
    let best = cheapest_covering(&held, &covers).unwrap();
    assert_eq!(best.cost, oracle("15_ladder")["optimum"].as_f64().unwrap());
    assert_eq!(best.level, [1, 1, 1]);
}

#[test]
fn the_flow_is_cheaper_than_layers_where_layers_are_wrong() {
    let case = oracle("15b_ladder_layers_not_optimal");
    let held: Vec<Vec<f64>> = serde_json::from_value(case["f"].clone()).unwrap();
    let terms: Vec<(usize, f64)> = serde_json::from_value(case["terms"].clone()).unwrap();
    let covers = covers(3, &terms);
    let best = cheapest_covering(&held, &covers).unwrap();
    assert_eq!(best.cost, case["optimum"].as_f64().unwrap());
    assert_eq!(by_layers(&held, &covers), case["layered"].as_f64().unwrap());
}

#[test]
fn no_other_covering_of_a_random_case_is_cheaper() {
    let mut better_than_layers = 0;
    for case in 0..120 {
        let mut random = generator(15, case);
        let (steps, capacity) = (random.random_range(2..=5), random.random_range(1..=3));
        let table = |random: &mut rand_pcg::Pcg64| {
            // Slopes in ascending order, a rising one now and then.
            let mut slopes: Vec<f64> =
                (0..capacity).map(|_| f64::from(random.random_range(-9..=1_i32))).collect();
            slopes.sort_by(f64::total_cmp);
            let mut costs = vec![20.0];
            slopes.iter().for_each(|slope| costs.push(costs[costs.len() - 1] + slope));
            costs
        };
        let held: Vec<Vec<f64>> = (0..steps).map(|_| table(&mut random)).collect();
        let mut all = covers(steps, &[(1, 5.0), (2, 7.0), (3, 11.0)]);
        all.iter_mut().for_each(|cover| cover.cost += f64::from(random.random_range(-3..=3_i32)));
        all.truncate(9);
        if case % 2 == 1 {
            all.iter_mut().for_each(|cover| cover.most = random.random_range(0..=2));
        }
        let best = cheapest_covering(&held, &all).unwrap();
        let expected = by_enumeration(&held, &all, &mut vec![0; steps]);
        assert!((best.cost - expected).abs() < 1e-9, "case {case}: {} against {expected}", best.cost);
        let mut level = vec![0; steps];
        for (cover, count) in all.iter().zip(&best.bought) {
            (cover.from..cover.to).for_each(|step| level[step] += count);
        }
        assert_eq!(level, best.level, "case {case}: the levels are those of the covers bought");
        better_than_layers += usize::from(case % 2 == 0 && best.cost < by_layers(&held, &all) - 1e-9);
    }
    assert!(better_than_layers > 0, "some cases tell the flow from layers");
}

/// `E(L − g)+` of a gamma load with shape 4 (coefficient of variation ½), by its Erlang tails.
fn left_over(mean: f64, units: usize) -> f64 {
    let x = units as f64 * 4.0 / mean;
    let tail = |shape: usize| {
        let terms = (0..shape).scan(1.0, |term, i| {
            let now = *term;
            *term *= x / (i + 1) as f64;
            Some(now)
        });
        (-x).exp() * terms.sum::<f64>()
    };
    mean * tail(5) - units as f64 * tail(4)
}

/// A year of weeks, up to 40 units, PayGo 1.25 per unit and week; prices of 1, 4, 13 and 52 weeks.
#[track_caller]
fn check_year(mean: impl Fn(usize) -> f64, expected: f64, expected_by_length: &[(usize, usize)]) {
    let held: Vec<Vec<f64>> =
        (0..52).map(|t| (0..=40).map(|g| 1.25 * left_over(mean(t), g)).collect()).collect();
    let terms = [(1, 1.0), (4, 3.4), (13, 9.5), (52, 31.0)];
    let covers = covers(52, &terms);
    let price_of = |length| terms.iter().find(|term| term.0 == length).unwrap().1;
    let best = cheapest_covering(&held, &covers).unwrap();
    assert!((best.cost - expected).abs() < 0.05, "{} against {expected}", best.cost);
    let count = |length: usize| {
        let bought = covers.iter().zip(&best.bought).filter(|(cover, _)| cover.cost == price_of(length));
        bought.map(|(_, count)| count).sum::<usize>()
    };
    let by_length: Vec<(usize, usize)> = [1, 4, 13, 52].map(|length| (length, count(length))).to_vec();
    let by_length: Vec<_> = by_length.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(by_length, expected_by_length);
}

#[test]
fn years_of_different_growth_take_different_ladders() {
    check_year(|_| 10.0, 436.8, &[(52, 9)]);
    check_year(|t| 10.0 * 3_f64.powf(t as f64 / 51.0), 826.5, &[(13, 10), (52, 14)]);
    check_year(|t| 10.0 * 0.5_f64.powf(t as f64 / 51.0), 321.65, &[(13, 2), (52, 6)]);
    check_year(|t| if (20..26).contains(&t) { 18.0 } else { 10.0 }, 484.8, &[(4, 4), (52, 10)]);
}

#[test]
fn the_envelope_touches_a_convex_table_everywhere_and_a_concave_one_at_its_ends() {
    let convex: Vec<f64> = (0..30).map(|g| left_over(12.0, g)).collect();
    for (value, envelope) in convex.iter().zip(lower_convex_envelope(&convex)) {
        assert!((value - envelope).abs() < 1e-12);
    }
    assert_eq!(lower_convex_envelope(&[0.0, 3.0, 4.0, 3.0]), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(lower_convex_envelope(&[7.0]), [7.0]);
    assert!(lower_convex_envelope(&[]).is_empty());
}

#[test]
fn an_envelope_lies_below_and_bends_up() {
    for case in 0..50 {
        let mut random = generator(16, case);
        let values: Vec<f64> = (0..40).map(|_| random.random::<f64>() * 1e6).collect();
        let envelope = lower_convex_envelope(&values);
        assert!(values.iter().zip(&envelope).all(|(value, low)| low <= value));
        assert!(envelope.windows(3).all(|w| w[0] - 2.0 * w[1] + w[2] > -1e-6));
        assert!(cheapest_covering(&[envelope], &[cover(0, 1, 1e4)]).is_ok());
    }
}

#[test]
fn what_has_no_cheapest_covering_is_refused() {
    let fine = vec![3.0, 1.0];
    let held = |table: &[f64]| vec![fine.clone(), table.to_vec()];
    let not_finite = cheapest_covering(&held(&[1.0, f64::NAN]), &[]).unwrap_err();
    assert!(matches!(not_finite, FlowError::NotFinite { step: 1, units: 1, .. }), "{not_finite}");
    assert_eq!(cheapest_covering(&held(&[]), &[]), Err(FlowError::EmptyTable { step: 1 }));
    let bent = cheapest_covering(&held(&[9.0, 8.0, 1.0]), &[]);
    assert_eq!(bent, Err(FlowError::NotConvex { step: 1, units: 1 }));
    for wrong in [cover(1, 1, 1.0), cover(1, 3, 1.0), cover(0, 1, f64::INFINITY)] {
        let error = cheapest_covering(&held(&fine), &[wrong]).unwrap_err();
        assert!(matches!(error, FlowError::BadCover { cover: 0, steps: 2, .. }), "{error}");
    }
}

#[test]
fn without_steps_or_covers_nothing_is_bought() {
    assert_eq!(cheapest_covering(&[], &[]).unwrap().cost, 0.0);
    let idle = cheapest_covering(&[vec![5.0, 2.0], vec![4.0]], &[]).unwrap();
    assert_eq!((idle.cost, idle.level), (9.0, vec![0, 0]));
}
