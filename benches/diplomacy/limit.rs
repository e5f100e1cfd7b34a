//! The least that an evaluation of all pairs is: love and fear on plain arrays.

use crate::cpu;

/// Milliseconds of a day of so many factions.
pub(crate) fn measure(factions: u32, days: u32) -> f64 {
    let power: Vec<f32> = (0..factions).map(|number| 5.0 + (number % 97) as f32 * 0.05).collect();
    let inverse: Vec<f32> = power.iter().map(|power| 1.0 / power).collect();
    let count = power.len() * power.len().saturating_sub(1) / 2;
    let love: Vec<f32> = (0..count).map(|pair| (pair % 199) as f32 * 0.01 - 1.0).collect();
    let trust: Vec<f32> = (0..count).map(|pair| (pair % 61) as f32 * 0.03 - 0.9).collect();
    let mut score = vec![0.0; count];
    let mut least = f64::MAX;
    for _ in 0..9 {
        let began = cpu::time();
        for _ in 0..days {
            day(&power, &inverse, (&love, &trust), &mut score);
        }
        least = least.min((cpu::time() - began).as_secs_f64() * 1e3 / f64::from(days));
    }
    assert!(score.iter().all(|score| score.is_finite()));
    least
}

fn day(power: &[f32], inverse: &[f32], (mut love, mut trust): (&[f32], &[f32]), mut score: &mut [f32]) {
    for (number, (own, own_inverse)) in power.iter().zip(inverse).enumerate() {
        let len = power.len() - number - 1;
        let (row, rest) = score.split_at_mut(len);
        let (loves, trusts) = (love.split_at(len), trust.split_at(len));
        evaluate((*own, *own_inverse), &power[number + 1..], &inverse[number + 1..], (loves.0, trusts.0), row);
        (love, trust, score) = (loves.1, trusts.1, rest);
    }
}

#[inline(never)]
fn evaluate((own, own_inverse): (f32, f32), power: &[f32], inverse: &[f32], of: (&[f32], &[f32]), score: &mut [f32]) {
    row(own, own_inverse, power, inverse, of.0, of.1, score);
}

#[inline(never)]
fn row(own: f32, own_inverse: f32, power: &[f32], inverse: &[f32], love: &[f32], trust: &[f32], score: &mut [f32]) {
    for ((((power, inverse), love), trust), score) in power.iter().zip(inverse).zip(love).zip(trust).zip(score) {
        let all = (love + 0.5 * trust).clamp(-1.0, 1.0);
        let ratio = (power * own_inverse).max(own * inverse);
        let fear = (0.3 * (ratio - 1.0)).min(1.0);
        *score = all + 0.5 * all.min(0.0) + 0.8 * if ratio > 1.5 { fear } else { 0.0 };
    }
}
