//! Random ladders against trying every count of every offer.

use rand::RngExt;

use super::{Case, Tail, months, running};
use crate::{
    capacity::ladder::schedule::{Problem, Starts},
    stats::generator,
};

/// Random tables that fall and bend up, or a saw-tooth.
fn random_case(seed: u64, convex: bool) -> Case {
    let mut random = generator(27, seed);
    let count = random.random_range(2..=4);
    let mut case = Case::new(months(&vec![0; count], 3, 1.0));
    for period in &mut case.periods {
        let mut falls: Vec<f64> = (0..3).map(|_| random.random_range(0.0..5_000.0)).collect();
        if convex {
            falls.sort_by(|a, b| b.total_cmp(a));
        } else {
            falls[1] -= 1_500.0;
        }
        let mut left = 15_000.0;
        period.paygo_usd = vec![left];
        period.paygo_usd.extend(falls.iter().map(|fall| {
            left -= fall;
            left
        }));
    }
    case.on_sale = vec!["1-month", "3-months"];
    if random.random_bool(0.5) {
        case.tail = Tail::Full;
    }
    if random.random_bool(0.3) {
        case.running = vec![running(1, "1-month", "2026-12-01", true)];
    }
    case
}

/// The cheapest plan of a case by trying every count of every offer.
fn by_enumeration(case: &Case) -> f64 {
    let input = case.input();
    let problem = Problem::new(&input, Starts::All);
    let mut best = f64::INFINITY;
    let mut units = vec![0; problem.offers.len()];
    loop {
        let fees: f64 =
            problem.offers.iter().zip(&units).map(|(offer, n)| offer.charged_usd * *n as f64).sum();
        let levels = problem.levels(&units);
        if levels.iter().all(|level| *level <= 3) {
            let paygo = levels.iter().enumerate().map(|(step, level)| problem.paygo(step, *level as u64));
            best = best.min(problem.fixed_usd + fees + paygo.sum::<f64>());
        }
        let Some(at) = (0..units.len()).find(|at| units[*at] < 3.min(problem.offers[*at].most)) else {
            return best;
        };
        units[..at].fill(0);
        units[at] += 1;
    }
}

#[test]
fn no_other_purchases_are_cheaper_when_tables_are_convex() {
    for seed in 0..40 {
        let mut case = random_case(seed, true);
        case.periods.truncate(3);
        let (ladder, best) = (case.ladder(), by_enumeration(&case));
        assert!((ladder.total_usd - best).abs() < 1e-6, "{seed}: {} against {best}", ladder.total_usd);
        assert!(ladder.gap_usd < 1e-6, "{seed}: {}", ladder.gap_usd);
    }
}

#[test]
fn saw_teeth_leave_a_gap_that_is_said() {
    let mut exact = 0;
    for seed in 0..150 {
        let mut case = random_case(seed, false);
        case.periods.truncate(3);
        let (ladder, best) = (case.ladder(), by_enumeration(&case));
        assert!(ladder.lower_bound_usd <= best + 1e-6 && best <= ladder.total_usd + 1e-6, "{seed}");
        assert!(ladder.total_usd <= ladder.best_single.total_usd + 1e-6, "{seed}");
        exact += usize::from(ladder.total_usd - best < 1e-6);
    }
    assert!(exact >= 140, "{exact} of 150 saw-teeth are solved exactly");
}

#[test]
fn parts_add_up_to_the_total() {
    for seed in 0..60 {
        let ladder = random_case(seed, seed % 2 == 0).ladder();
        let periods: f64 = ladder.periods.iter().map(|period| period.total_usd).sum();
        assert!((periods + ladder.charged_beyond_usd - ladder.total_usd).abs() < 1e-6);
        let fees: f64 = ladder.purchases.iter().map(|purchase| purchase.usd - purchase.beyond_usd).sum();
        let running: f64 = ladder.running.iter().map(|part| part.usd).sum();
        assert!((fees + running - ladder.committed_usd).abs() < 1e-6, "{seed}");
        assert!(ladder.total_usd <= ladder.paygo_only_usd + 1e-6);
    }
}
