//! Long curves made short, and cut where the plot ends.

/// A point of a curve, `(x, y)` in the units of the plot.
pub(super) type Point = (f64, f64);

/// The curve with at most two points on each stretch of `pixel` along the x axis: the lowest and the highest.
///
/// `points` must rise in x. First and last point are kept as well.
pub(super) fn thin_out(points: &[Point], pixel: f64) -> Vec<Point> {
    let column = |point: &Point| (point.0 / pixel).floor();
    let mut kept: Vec<Point> = points.first().copied().into_iter().collect();
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &(usize, &Point), b: &(usize, &Point)| a.1.1.total_cmp(&b.1.1);
        let lowest = group.iter().enumerate().min_by(by_height);
        let highest = group.iter().enumerate().max_by(by_height);
        let (Some((low, _)), Some((high, _))) = (lowest, highest) else { continue };
        kept.extend([group[low.min(high)], group[low.max(high)]]);
    }
    kept.extend(points.last());
    kept.dedup();
    kept
}

/// The parts of a curve that lie at or below `top`, with a point where they cross it.
pub(super) fn below(points: &[Point], top: f64) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = vec![Vec::new()];
    let mut before: Option<Point> = None;
    for point in points.iter().copied() {
        let crossing = before.filter(|before| (before.1 <= top) != (point.1 <= top)).map(|before| {
            let share = (top - before.1) / (point.1 - before.1);
            (before.0 + share * (point.0 - before.0), top)
        });
        let inside = point.1 <= top;
        if inside && crossing.is_some() {
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.extend(crossing);
            part.extend(inside.then_some(point));
            part.dedup();
        }
        before = Some(point);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_curve_is_kept_as_it_is() {
        let curve = [(0.0, 3.0), (1.0, 1.0), (2.0, 2.0)];
        assert_eq!(thin_out(&curve, 0.5), curve);
        assert_eq!(thin_out(&curve[..1], 0.5), curve[..1]);
        assert_eq!(thin_out(&[], 0.5), []);
    }

    #[test]
    fn a_long_curve_keeps_the_lowest_and_highest_of_each_pixel_in_their_order() {
        let curve = [(0.0, 5.0), (0.1, 9.0), (0.2, 1.0), (0.3, 4.0), (1.0, 2.0), (1.5, 8.0), (1.9, 3.0)];
        let expected = [(0.0, 5.0), (0.1, 9.0), (0.2, 1.0), (1.0, 2.0), (1.5, 8.0), (1.9, 3.0)];
        assert_eq!(thin_out(&curve, 1.0), expected);
    }

    #[test]
    fn a_curve_is_cut_where_it_crosses_the_top() {
        let curve = [(0.0, 0.0), (2.0, 4.0), (3.0, 4.0), (5.0, 0.0), (6.0, 1.0)];
        let expected = [vec![(0.0, 0.0), (1.0, 2.0)], vec![(4.0, 2.0), (5.0, 0.0), (6.0, 1.0)]];
        assert_eq!(below(&curve, 2.0), expected);
        assert_eq!(below(&curve, 4.0), [curve.to_vec()]);
        assert_eq!(below(&curve, -1.0), Vec::<Vec<Point>>::new());
    }
}
