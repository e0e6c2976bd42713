//! What a deliberately broken build leaves undone, so that the tests can be seen to notice. Outside
//! the simulator all of it is as it should be, and nothing here can be chosen.

use super::NodeState;

/// What a sound build does, and a deliberately broken one may leave undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Commands that need it are run only as their issuers signed them.
    Proofs,
    /// A nonce is good once.
    Nonces,
    /// What was signed for one node is worth nothing at another.
    Targets,
    /// What one node signed is worth nothing to another.
    Issuers,
    /// A place that was typed is that of the node, by the main server's word.
    Places,
    /// This node is in a scope by the main server's word, not by its parent's.
    Scopes,
    /// Whoever goes elsewhere by himself brings nobody into a scope.
    Homes,
    /// A name that belongs to a member is its alone.
    OwnNames,
    /// Who is ordered to go wants the main server's word for it.
    Orders,
    /// That somebody went is true if he signed it.
    Farewells,
    /// A new charter holds at once.
    Charters,
    /// The arguments are those that were signed.
    Arguments,
    /// What was signed at an earlier time of the network is worth nothing.
    Epochs,
    /// An answer is believed as who was called signed it.
    Seals,
}

impl NodeState {
    /// Does this build do that? Only a deliberately broken one does not.
    #[cfg_attr(
        not(feature = "sim"),
        expect(clippy::unused_self, reason = "the simulator's builds look at it")
    )]
    pub(super) fn does(&self, duty: Duty) -> bool {
        #[cfg(feature = "sim")]
        if let Some(mutant) = self.mutant {
            return !mutant.leaves_undone(duty);
        }
        let _ = duty;
        true
    }

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

    /// Does this build obey an order without asking whether it is still wanted? Only a broken one.
    #[cfg_attr(
        not(feature = "sim"),
        expect(clippy::unused_self, reason = "the simulator's builds look at it")
    )]
    pub(super) const fn obeys_at_once(&self) -> bool {
        #[cfg(feature = "sim")]
        if matches!(self.mutant, Some(crate::sim::Mutant::ObeysAtOnce)) {
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

#[cfg(feature = "sim")]
impl crate::sim::Mutant {
    fn leaves_undone(self, duty: Duty) -> bool {
        match self {
            Self::NoProofCheck => duty == Duty::Proofs,
            Self::NoNonceCheck => duty == Duty::Nonces,
            Self::NoTargetCheck => matches!(duty, Duty::Targets | Duty::Nonces),
            Self::NoIssuerCheck => matches!(duty, Duty::Issuers | Duty::Nonces),
            Self::NoArgumentCheck => duty == Duty::Arguments,
            Self::NoEpochCheck => duty == Duty::Epochs,
            Self::NoCharterCheck => duty == Duty::Charters,
            Self::NoSealCheck => duty == Duty::Seals,
            Self::NoOrderCheck => duty == Duty::Orders,
            Self::NoFarewellCheck => duty == Duty::Farewells,
            Self::NoPlaceCheck => duty == Duty::Places,
            Self::NoScopeCheck => duty == Duty::Scopes,
            Self::NoOwnNames => duty == Duty::OwnNames,
            Self::NoHomeCheck => duty == Duty::Homes,
            _ => false,
        }
    }
}
