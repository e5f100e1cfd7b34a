//! Books on several threads: each is a matter of its own, so that threads change nothing but the time it takes.

use bevy_tasks::TaskPool;

/// Does something with each, on the threads of the pool if it has several, else one after the other.
///
/// What is done with one must not depend on the others: in which order they are done is left open.
pub fn match_in_parallel<'w, T: Send + 'w>(
    pool: Option<&TaskPool>,
    work: impl IntoIterator<Item = &'w mut T>,
    each: impl Fn(&mut T) + Sync,
) {
    match pool {
        Some(pool) if pool.thread_num() > 1 => {
            let each = &each;
            pool.scope(|scope| {
                for item in work {
                    scope.spawn(async move { each(item) });
                }
            });
        }
        _ => work.into_iter().for_each(each),
    }
}

#[cfg(test)]
mod tests {
    use bevy_tasks::TaskPoolBuilder;

    use super::*;

    #[test]
    fn each_is_done_once_with_any_number_of_threads() {
        for threads in 1..4 {
            let pool = TaskPoolBuilder::new().num_threads(threads).build();
            let mut work: Vec<u32> = (0..50).collect();
            match_in_parallel(Some(&pool), &mut work, |number| *number += 1);
            assert!(work.iter().copied().eq(1..51), "{threads} threads");
        }
        let mut work = [1, 2];
        match_in_parallel(None, &mut work, |number| *number += 1);
        assert_eq!(work, [2, 3]);
    }
}
