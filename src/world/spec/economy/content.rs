//! How much work is in a unit of each commodity, and where that question has no answer: circles of recipes that use up
//! more than they make, and goods from nothing.
//!
//! The answer is the least fixed point of work = (1 + work of inputs) / output, which substitution finds from below. Where
//! a circle keeps nearly all of itself that takes very long, and never ends where it keeps more. So the linear equations
//! of the roles that are cheapest by then are solved by elimination as well: their solution is positive just where these
//! roles leave a surplus (Hawkins and Simon 1949).

use std::collections::BTreeSet;

/// An hour of a role's work, with commodities by number; none where the file does not have them.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) output: Option<usize>,
    /// Units of the output that are sold of it.
    pub(super) sells: f64,
    pub(super) takes: Vec<(Option<usize>, f64)>,
    /// By-products.
    pub(super) yields: Vec<(Option<usize>, f64)>,
}

impl Line {
    /// Hours of work in a unit of the output, where so many are in a unit of everything.
    pub(super) fn cost(&self, work: &[f64]) -> f64 {
        let content = |(number, quantity): &(Option<usize>, f64)| {
            quantity * number.and_then(|number| work.get(number)).copied().unwrap_or(f64::INFINITY)
        };
        let inputs: f64 = self.takes.iter().map(content).sum();
        if inputs.is_infinite() {
            return f64::INFINITY;
        }
        let by_products: f64 = self.yields.iter().map(content).filter(|work| work.is_finite()).sum();
        (1.0 + inputs - by_products).max(0.0) / self.sells
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unsound {
    /// Commodities that are made of each other, round and round, with more used up than made.
    pub(super) circles: Vec<Vec<usize>>,
    /// Roles whose by-products are worth all that they take.
    pub(super) free: Vec<usize>,
}

/// Rounds of substitution in all, and those after which a solution by elimination is tried.
pub(super) const ROUNDS: usize = 3_000;
const ROUNDS_AT_ONCE: usize = 1_000;
/// A change of this share is none any more.
pub(super) const STILL: f64 = 1e-12;
/// The same where solutions by elimination are held against substitution.
const NEARLY_STILL: f64 = 1e-9;
/// Hours of work in a unit from which on substitution leads nowhere.
const WORK_MAX: f64 = 1e6;
/// What counts as nothing in a row whose own commodity counts 1.
const NOTHING: f64 = 1e-13;

/// The hours of work in a unit; infinite for what no role makes, and for what rests on it.
///
/// # Errors
/// With all circles and all roles that make something from nothing.
pub(super) fn work_content(lines: &[Line], commodities: usize) -> Result<Vec<f64>, Unsound> {
    let (mut circles, mut rounds) = (Vec::new(), ROUNDS);
    // What is in a circle is taken for nobody's product from then on, to see what else is wrong.
    let mut banned = BTreeSet::new();
    let free = loop {
        let mut table = Table { lines, banned: &banned, work: vec![0.0; commodities] };
        if table.settle(&mut rounds) {
            let free = table.free();
            if free.is_empty() && circles.is_empty() {
                return Ok(table.work);
            }
            break free;
        }
        let chosen = table.chosen();
        let found = chosen.circles();
        if found.is_empty() {
            // By-products are to blame.
            break chosen.worthless();
        }
        banned.extend(found.iter().flatten().copied());
        circles.extend(found);
    };
    Err(Unsound { circles, free })
}

/// Substitution on its way.
struct Table<'a> {
    lines: &'a [Line],
    banned: &'a BTreeSet<usize>,
    work: Vec<f64>,
}

impl Table<'_> {
    /// The cheapest role that makes a commodity at present, with its number, and what it costs.
    fn cheapest(&self, commodity: usize) -> (Option<usize>, f64) {
        let lines = self.lines.iter().enumerate();
        let makers = lines.filter(|(_, line)| line.output == Some(commodity) && !self.banned.contains(&commodity));
        makers
            .map(|(number, line)| (Some(number), line.cost(&self.work)))
            .fold((None, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best })
    }

    /// A round of substitution: the largest change, as a share.
    fn round(&mut self) -> f64 {
        let mut change = 0.0_f64;
        for commodity in 0..self.work.len() {
            let (_, least) = self.cheapest(commodity);
            if let Some(present) = self.work.get_mut(commodity) {
                if least.is_finite() {
                    // By-products can take work away again, down to nothing.
                    change = change.max((least - *present).abs() / least.max(*present).max(f64::MIN_POSITIVE));
                }
                *present = least;
            }
        }
        change
    }

    /// Finds the fixed point; false where there is none, or none in so many rounds.
    fn settle(&mut self, rounds: &mut usize) -> bool {
        while *rounds > 0 {
            let mut is_lost = false;
            for _ in 0..ROUNDS_AT_ONCE.min(*rounds) {
                *rounds -= 1;
                let change = self.round();
                is_lost = self.work.iter().any(|hours| hours.is_finite() && *hours > WORK_MAX);
                if change < STILL && !is_lost {
                    return true;
                }
                if is_lost {
                    break;
                }
            }
            let chosen = self.chosen();
            if let Some(solved) = chosen.surplus(&chosen.all()) {
                self.work.fill(f64::INFINITY);
                for (number, hours) in solved {
                    if let Some(present) = self.work.get_mut(number) {
                        *present = hours;
                    }
                }
                let exact = self.work.clone();
                // At these prices nobody would rather take another role.
                if self.round() < NEARLY_STILL {
                    self.work = exact;
                    return true;
                }
            } else if is_lost {
                return false;
            }
        }
        false
    }

    /// Roles that make something from nothing.
    fn free(&self) -> Vec<usize> {
        let is_free = |line: &Line| line.output.is_some() && line.cost(&self.work) <= 0.0;
        self.lines.iter().enumerate().filter(|(_, line)| is_free(line)).map(|(number, _)| number).collect()
    }

    fn chosen(&self) -> Chosen<'_> {
        let cheapest = (0..self.work.len()).map(|commodity| self.cheapest(commodity).0);
        Chosen(cheapest.map(|role| role.and_then(|role| Some((role, self.lines.get(role)?)))).collect())
    }
}

/// For each commodity the role that makes it, if any, with its number.
struct Chosen<'a>(Vec<Option<(usize, &'a Line)>>);

impl Chosen<'_> {
    fn line(&self, commodity: usize) -> Option<&Line> {
        Some(self.0.get(commodity)?.as_ref()?.1)
    }

    /// All commodities that are made.
    fn all(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|commodity| self.line(*commodity).is_some()).collect()
    }

    /// The work in a unit of each of these, as if all else cost nothing; nothing where the equations have no one solution.
    fn solve(&self, commodities: &[usize]) -> Option<Vec<(usize, f64)>> {
        let row = |commodity: &usize| {
            let line = self.line(*commodity)?;
            let sum = |goods: &[(Option<usize>, f64)], of: usize| -> f64 {
                goods.iter().filter(|(number, _)| *number == Some(of)).map(|(_, quantity)| quantity / line.sells).sum()
            };
            let net =
                |of: &usize| f64::from(u8::from(of == commodity)) - sum(&line.takes, *of) + sum(&line.yields, *of);
            Some(commodities.iter().map(net).chain([1.0 / line.sells]).collect())
        };
        let solution = eliminate(commodities.iter().map(row).collect::<Option<_>>()?)?;
        Some(commodities.iter().copied().zip(solution).collect())
    }

    /// The same, where all of it is work.
    fn surplus(&self, commodities: &[usize]) -> Option<Vec<(usize, f64)>> {
        self.solve(commodities).filter(|solved| solved.iter().all(|(_, hours)| *hours > 0.0))
    }

    /// Commodities that are made of each other, where that takes more than it brings.
    fn circles(&self) -> Vec<Vec<usize>> {
        let count = self.0.len();
        let takes = |from: usize, to: usize| {
            self.line(from).is_some_and(|line| line.takes.iter().any(|(number, _)| *number == Some(to)))
        };
        let mut leads: Vec<Vec<bool>> = (0..count).map(|from| (0..count).map(|to| takes(from, to)).collect()).collect();
        for by in 0..count {
            let onward = leads.get(by).cloned().unwrap_or_default();
            for from in leads.iter_mut().filter(|from| from.get(by) == Some(&true)) {
                from.iter_mut().zip(&onward).for_each(|(to, further)| *to |= further);
            }
        }
        let is_led = |from: usize, to: usize| leads.get(from).and_then(|from| from.get(to)) == Some(&true);
        let round = |of: usize| -> Vec<usize> { (0..count).filter(|to| is_led(of, *to) && is_led(*to, of)).collect() };
        // Each once: with its first.
        let rounds = (0..count).map(|of| (of, round(of))).filter(|(of, round)| round.first() == Some(of));
        rounds.map(|(_, round)| round).filter(|round| self.surplus(round).is_none()).collect()
    }

    /// Roles whose product would have to cost nothing or less.
    fn worthless(&self) -> Vec<usize> {
        let solved = self.solve(&self.all()).into_iter().flatten().filter(|(_, hours)| *hours <= 0.0);
        solved.filter_map(|(commodity, _)| Some(self.0.get(commodity)?.as_ref()?.0)).collect()
    }
}

/// Solves linear equations, each a row with its right side last, by elimination with the largest of a column in turn;
/// nothing where they have no one solution.
pub(super) fn eliminate(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = rows.len();
    for column in 0..count {
        let size = |row: &Vec<f64>| row.get(column).map_or(0.0, |value| value.abs());
        let (largest, _) = rows.iter().enumerate().skip(column).max_by(|(_, a), (_, b)| size(a).total_cmp(&size(b)))?;
        rows.swap(column, largest);
        let (upper, lower) = rows.split_at_mut(column + 1);
        let head = upper.last()?;
        let lead = head.get(column).copied().filter(|lead| lead.abs() > NOTHING)?;
        for row in lower {
            let times = row.get(column)? / lead;
            if times != 0.0 {
                row.iter_mut().zip(head).skip(column).for_each(|(value, above)| *value -= times * above);
            }
        }
    }
    let mut solution = vec![0.0; count];
    for (index, row) in rows.iter().enumerate().rev() {
        let known: f64 = row.iter().zip(&solution).skip(index + 1).map(|(value, known)| value * known).sum();
        *solution.get_mut(index)? = (row.last()? - known) / row.get(index)?;
    }
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_or_not() {
        let rows = vec![vec![0.0, 2.0, 1.0, 7.0], vec![1.0, 1.0, 0.0, 3.0], vec![2.0, 0.0, 1.0, 5.0]];
        let solution = eliminate(rows).expect("one solution");
        for (found, expected) in solution.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{solution:?}");
        }
        assert_eq!(eliminate(vec![vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]]), None);
    }
}
