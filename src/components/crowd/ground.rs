//! What a crowd lives on: derived from the world file and the seed, never saved.

use bevy_ecs::prelude::Resource;

/// In the place of a friend that an agent does not have.
pub const NO_FRIEND: u32 = u32::MAX;

/// The grid as the steps read it.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Ground {
    /// Columns.
    pub width: i16,
    /// Rows.
    pub height: i16,
    /// For each cell, row by row, how far east and south the nearest vendor by Manhattan distance lies; what is further
    /// than 127 cells is cut to that, each axis for itself.
    pub ways: Vec<[i8; 2]>,
    /// Cells of the vendors in rising order: row times width plus column.
    pub vendors: Vec<u32>,
    /// Where the vendors of each row begin, and after the last row where they end.
    pub vendor_rows: Vec<u32>,
    /// Cells of the social spots.
    pub spots: Vec<[i16; 2]>,
    /// Names of the sectors.
    pub sectors: Vec<String>,
    /// For each column of cells the column of the table of sectors.
    pub band_x: Vec<u16>,
    /// For each row of cells the beginning of its row in the table of sectors.
    pub band_y: Vec<u32>,
    /// Sectors by the bands of columns and rows.
    pub table: Vec<u8>,
    /// Who is whose friend.
    pub friends: Friendships,
}

impl Ground {
    /// The number of the sector of a cell.
    #[inline]
    pub fn sector(&self, x: i16, y: i16) -> u8 {
        let column = self.band_x.get(usize::from(x.cast_unsigned())).copied().unwrap_or(0);
        let row = self.band_y.get(usize::from(y.cast_unsigned())).copied().unwrap_or(0);
        self.table.get((row + u32::from(column)) as usize).copied().unwrap_or(0)
    }

    /// Where the row of the table of sectors begins that a row of cells is in.
    pub fn row_of_sectors(&self, y: i16) -> Option<u32> {
        self.band_y.get(usize::from(y.cast_unsigned())).copied()
    }

    /// The number of a cell.
    #[inline]
    pub fn cell(&self, x: i16, y: i16) -> usize {
        usize::from(y.cast_unsigned()) * usize::from(self.width.cast_unsigned()) + usize::from(x.cast_unsigned())
    }

    /// The way to the nearest vendor: columns east, rows south; zero and zero at one.
    #[inline]
    pub fn way(&self, x: i16, y: i16) -> [i8; 2] {
        self.ways.get(self.cell(x, y)).copied().unwrap_or([0, 0])
    }

    /// The number of the vendor in a cell.
    pub fn vendor_at(&self, x: i16, y: i16) -> Option<usize> {
        let row = usize::from(y.cast_unsigned());
        let (begin, end) = (*self.vendor_rows.get(row)? as usize, *self.vendor_rows.get(row + 1)? as usize);
        let cell = u32::try_from(self.cell(x, y)).ok()?;
        let place = self.vendors.get(begin..end)?.binary_search(&cell).ok()?;
        Some(begin + place)
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.ways.capacity() * 2
            + (self.vendors.capacity() + self.vendor_rows.capacity() + self.spots.capacity() + self.band_y.capacity())
                * 4
            + self.band_x.capacity() * 2
            + self.table.capacity()
    }
}

/// Who is whose friend: a function of the seed and two numbers, never stored.
///
/// Everybody has at most [`Friendships::MOST`] friends: neighbours by number, whose homes lie near, others of the same
/// block of 64 numbers, and two anywhere. Friendship is mutual. Near and far ties together make a small world in the
/// sense of Watts and Strogatz, "Collective dynamics of small-world networks" (Nature 393, 1998).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Friendships {
    /// Agents.
    pub agents: u32,
    /// Sums at which numbers are mirrored: the far friends.
    pub mirrors: [u32; 2],
    /// Numbers within the block, 1 to 63: friends of the neighbourhood.
    pub masks: [u32; 2],
}

impl Friendships {
    /// Friends that an agent has at most.
    pub const MOST: usize = 6;

    /// The friends of an agent; [`NO_FRIEND`] where it has fewer.
    pub fn of(&self, agent: u32) -> [u32; Self::MOST] {
        let agents = u64::from(self.agents.max(1));
        let mirror = |sum: u32| {
            let other = (u64::from(sum) % agents + agents - u64::from(agent) % agents) % agents;
            u32::try_from(other).unwrap_or(NO_FRIEND)
        };
        let mut found = [
            agent.checked_sub(1).unwrap_or(NO_FRIEND),
            agent.saturating_add(1),
            agent ^ self.masks[0],
            agent ^ self.masks[1],
            mirror(self.mirrors[0]),
            mirror(self.mirrors[1]),
        ];
        for place in 0..Self::MOST {
            let (before, rest) = found.split_at_mut(place);
            if let Some(friend) = rest.first_mut()
                && (*friend >= self.agents || *friend == agent || before.contains(friend))
            {
                *friend = NO_FRIEND;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn friends_are_mutual_bounded_and_others(
            agents in 1_u32..3_000, mirrors in any::<[u32; 2]>(), masks in prop::array::uniform2(1_u32..64),
            agent in any::<u32>(),
        ) {
            let friends = Friendships { agents, mirrors, masks };
            let agent = agent % agents;
            let mut of = friends.of(agent).to_vec();
            of.retain(|friend| *friend != NO_FRIEND);
            for friend in &of {
                prop_assert!(*friend < agents && *friend != agent);
                prop_assert!(friends.of(*friend).contains(&agent), "{friend} does not know {agent}");
            }
            of.sort_unstable();
            let all = of.len();
            of.dedup();
            prop_assert_eq!(of.len(), all, "nobody is there twice");
        }
    }
}
