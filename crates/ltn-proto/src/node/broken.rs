//! What a deliberately broken build leaves undone, so that the tests can be seen to notice. Outside
//! the simulator all of it is as it should be, and nothing here can be chosen.

use super::NodeState;

impl NodeState {
    /// Does this build look for cycles? Only a deliberately broken one does not.
    #[cfg_attr(
        not(feature = "sim"),
        expect(clippy::unused_self, reason = "the simulator's builds look at it")
    )]
    pub(super) const fn looks_for_cycles(&self) -> bool {
        #[cfg(feature = "sim")]
        if matches!(self.mutant, Some(crate::sim::Mutant::NoCycleCheck)) {
            return false;
        }
        true
    }

    /// Does the root of this build look into its book? Only a deliberately broken one does not.
    pub(super) const fn asks_the_book(&self) -> bool {
        #[cfg(feature = "sim")]
        if matches!(self.mutant, Some(crate::sim::Mutant::PathCheckOnly)) {
            return false;
        }
        self.looks_for_cycles()
    }

    /// The children that are registered here now.
    #[cfg(feature = "sim")]
    pub fn claimed_children(&self) -> impl Iterator<Item = crate::id::NodeId> {
        self.links.children().map(|(id, _)| id)
    }

    /// Does this build leave its old parent before the new one is written down? Only a broken one.
    #[cfg_attr(
        not(feature = "sim"),
        expect(clippy::unused_self, reason = "the simulator's builds look at it")
    )]
    pub(super) const fn leaves_before_it_is_written(&self) -> bool {
        #[cfg(feature = "sim")]
        if matches!(self.mutant, Some(crate::sim::Mutant::HastyMove)) {
            return true;
        }
        false
    }

    /// Break this build on purpose, to see that the tests notice.
    #[cfg(feature = "sim")]
    pub const fn set_mutant(&mut self, mutant: crate::sim::Mutant) {
        self.mutant = Some(mutant);
        if let (Some(edges), Some(broken)) = (&mut self.edges, mutant.of_the_book()) {
            edges.break_it(broken);
        }
    }
}
