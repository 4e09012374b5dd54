//! Fair shares of a joint effect: the Shapley value over a handful of causes.

/// Most players; 2¹⁶ worths are evaluated at once.
const PLAYERS_MAX: usize = 16;

/// The Shapley value of each of `players` players in a game given by the worth of every coalition.
///
/// A coalition is a bit mask: bit `i` is set when player `i` belongs to it. A player's value is what it adds to
/// the worth, averaged over all orders in which players can join; computed from the `2^players` worths with
/// the weights `|S|! (n − |S| − 1)! / n!`, which is the same sum. The values add up to the worth of all players
/// less that of none, and a player that never adds anything gets nothing.
///
/// # Panics
///
/// When there are more than 16 players.
///
/// Source: Shapley (1953), "A Value for n-Person Games".
///
/// ```
/// # use burndown::stats::shapley;
/// // 2 requests at 3 dollars become 4 at 5: half of the joint change goes to each cause.
/// let worth = |set: u32| {
///     let requests = if set & 1 == 0 { 2.0 } else { 4.0 };
///     let price = if set & 2 == 0 { 3.0 } else { 5.0 };
///     requests * price
/// };
/// assert_eq!(shapley(2, worth), [8.0, 6.0]);
/// ```
pub fn shapley(players: usize, worth: impl Fn(u32) -> f64) -> Vec<f64> {
    assert!(players <= PLAYERS_MAX, "{players} players");
    let worths: Vec<f64> = (0..1_u32 << players).map(worth).collect();
    let weights = weights(players);
    (0..players)
        .map(|player| {
            let bit = 1_usize << player;
            let without = (0..worths.len()).filter(|set| set & bit == 0);
            without.map(|set| weights[set.count_ones() as usize] * (worths[set | bit] - worths[set])).sum()
        })
        .collect()
}

/// `s! (n − s − 1)! / n!` for coalitions of `s` players: one over `n` times the coalitions of that size among
/// the others.
fn weights(players: usize) -> Vec<f64> {
    let n = players as f64;
    let mut coalitions = 1.0;
    let mut weights = Vec::new();
    for size in 0..players {
        weights.push(1.0 / (n * coalitions));
        coalitions *= (n - 1.0 - size as f64) / (size as f64 + 1.0);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(players: usize, worth: impl Fn(u32) -> f64, expected: &[f64]) {
        let found = shapley(players, worth);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
        }
    }

    /// Textbook games: the glove game (one left glove, two right ones) and the airport game with runways of
    /// 1, 2 and 3, whose value shares each stretch among those who need it.
    #[test]
    fn known_games_have_their_known_values() {
        let glove = |set: u32| f64::from(u8::from(set & 1 != 0 && set & 0b110 != 0));
        check(3, glove, &[2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]);
        let airport = |set: u32| (0..3).filter(|at| set & (1 << at) != 0).map(|at| at + 1).max().unwrap_or(0);
        check(3, |set| f64::from(airport(set)), &[1.0 / 3.0, 5.0 / 6.0, 11.0 / 6.0]);
        check(0, |_| 7.0, &[]);
        check(1, |set| f64::from(set) * 4.0, &[4.0]);
    }

    /// What each player adds, averaged over all orders one by one: the definition.
    fn over_all_orders(players: usize, worths: &[f64]) -> Vec<f64> {
        fn walk(set: usize, added_so_far: &mut Vec<(usize, f64)>, worths: &[f64], sums: &mut [f64]) -> f64 {
            let mut orders = 0.0;
            for player in (0..sums.len()).filter(|player| set & (1 << player) == 0) {
                added_so_far.push((player, worths[set | 1 << player] - worths[set]));
                orders += walk(set | 1 << player, added_so_far, worths, sums);
                added_so_far.pop();
            }
            if added_so_far.len() == sums.len() {
                added_so_far.iter().for_each(|(player, added)| sums[*player] += added);
                return 1.0;
            }
            orders
        }
        let mut sums = vec![0.0; players];
        let orders = walk(0, &mut Vec::new(), worths, &mut sums);
        sums.iter().map(|sum| sum / orders).collect()
    }

    proptest! {
        #[test]
        fn the_values_add_up_to_the_whole(worths in prop::collection::vec(-1e6_f64..1e6, 32)) {
            let found = shapley(5, |set| worths[set as usize]);
            let whole = worths[31] - worths[0];
            prop_assert!((found.iter().sum::<f64>() - whole).abs() <= 1e-9 * 1e6);
            let again = over_all_orders(5, &worths);
            for (found, again) in found.iter().zip(again) {
                prop_assert!((found - again).abs() <= 1e-9 * 1e6);
            }
        }
    }
}
