//! What can happen next in a state of the model: every choice of what arrives first, of what
//! breaks, of what is heard twice.
//!
//! The joining rules are those of `node/joining.rs`, `admitting.rs` and `mapping.rs`, in the order
//! in which they speak; where the real rules refuse earlier (a server that knows the target to be
//! below itself does not even dial), the model lets the move go on: what holds without those
//! checks holds with them.

use ltn_proto::sim::{EdgeWish, Mutant};

use super::state::{
    ATTEMPTS_MAX, Above, Below, Down, Known, Link, NODES, Node, Note, ROOT, Stage, State, Step, Up,
    Word, id, node,
};

/// Everything that can follow this state.
pub(crate) fn successors(state: &State, mutant: Option<Mutant>, found: &mut Vec<State>) {
    found.clear();
    let mut add = |word, who: (u8, u8), next: Option<State>| {
        found.extend(next.map(|next| next.after(state, Step(word, who.0, who.1))));
    };
    let link = |at: usize| (state.links[at].child, state.links[at].parent);
    for (number, wish) in state.wishes.iter().enumerate() {
        add("starts to", (wish.child, wish.to), state.start(number));
    }
    for child in 1..NODES as Node {
        add("comes back", (child, child), state.come_back(child));
        add("is heard by the root", (child, ROOT), state.root_hears(child, mutant));
    }
    for at in 0..state.links.len() {
        add("is heard by its parent", link(at), state.parent_hears(at, mutant));
        add("hears its parent", link(at), state.child_hears(at));
    }
    for (number, word) in state.words.iter().enumerate() {
        add("gets the root's word on", (word.to, word.child), state.word_arrives(number));
    }
    if state.left.aborts > 0 {
        let mut abort = |word, at, next: Option<State>| {
            let less = |mut next: State| {
                next.left.aborts -= 1;
                next
            };
            add(word, link(at), next.map(less));
        };
        for at in 0..state.links.len() {
            abort("waited too long at", at, state.wait_ends(at));
            abort("loses its link to", at, state.child_loses(at));
            abort("is lost by", at, state.parent_loses(at));
        }
    }
    if state.left.duplicates > 0 {
        for from in 1..NODES as Node {
            add("asks twice", (from, ROOT), state.asks_twice(from));
        }
        for (number, word) in state.words.iter().enumerate() {
            add(
                "is answered twice about",
                (word.to, word.child),
                Some(state.answers_twice(number)),
            );
        }
    }
    add("restarts", (ROOT, ROOT), state.restart(mutant));
    add("is quiet no more", (ROOT, ROOT), state.quiet_ends());
    if found.is_empty() {
        // Only time goes on: waits run out.
        for at in 0..state.links.len() {
            let step = Step("waited too long at", link(at).0, link(at).1);
            found.extend(state.wait_ends(at).map(|next| next.after(state, step)));
        }
    }
}

impl State {
    /// The state that a step led to: links that neither end uses are forgotten, and what has no
    /// order is put into one.
    fn after(mut self, before: &Self, step: Step) -> Self {
        self.trail = before.trail.then(step);
        self.links.retain(|link| (link.below, link.above) != (Below::Gone, Above::Gone));
        self.links.sort_by_key(|link| (link.child, link.attempt));
        self.words.sort_by_key(|word| (word.to, word.child, word.attempt, word.granted));
        self
    }

    fn trying(&self, child: Node) -> Option<usize> {
        self.links.iter().position(|link| link.child == child && link.below == Below::Trying)
    }

    fn dial(&mut self, child: Node, parent: Node, wish: Option<usize>) {
        let mind = &mut self.minds[usize::from(child)];
        mind.attempts += 1;
        let (attempt, seen, uplink) = (mind.attempts, mind.seen, mind.uplink);
        let current = uplink.and_then(|uplink| Some(self.links[self.link(child, uplink)?].parent));
        self.links.push(Link {
            child,
            attempt,
            parent,
            below: Below::Trying,
            above: Above::Fresh,
            wish,
            edition: 0,
            up: vec![Up::Hello { current, seen }],
            down: Vec::new(),
        });
    }

    /// A move begins, unless another one of the same server is under way.
    fn start(&self, wish: usize) -> Option<Self> {
        let wanted = self.wishes[wish];
        if wanted.stage != Stage::Waiting {
            return None;
        }
        let mut next = self.clone();
        if let Some(trying) = self.trying(wanted.child) {
            // A wish by hand is not interrupted; a return gives way to one.
            self.links[trying].wish.is_none().then_some(())?;
            next.give_up_below(trying, false);
        }
        let mind = self.minds[usize::from(wanted.child)];
        let is_there =
            mind.uplink.and_then(|up| Some(self.links[self.link(wanted.child, up)?].parent));
        if is_there == Some(wanted.to) || mind.attempts >= ATTEMPTS_MAX {
            next.wishes[wish].stage = Stage::Ended;
        } else {
            next.wishes[wish].stage = Stage::UnderWay;
            next.dial(wanted.child, wanted.to, Some(wish));
        }
        Some(next)
    }

    /// A server without a parent tries to come back. It goes on for ever, so the attempts that can
    /// lead nowhere yet are left out.
    fn come_back(&self, child: Node) -> Option<Self> {
        let mind = self.minds[usize::from(child)];
        let home = mind.home?;
        let can = mind.uplink.is_none() && self.trying(child).is_none();
        let leads = self.is_live(home) && self.really_above(home).last() == Some(&ROOT);
        (can && leads && mind.attempts < ATTEMPTS_MAX).then(|| {
            let mut next = self.clone();
            next.dial(child, home, None);
            next
        })
    }

    /// The child's side ends; the other side hears of it in time.
    fn give_up_below(&mut self, link: usize, moved: bool) {
        let link = &mut self.links[link];
        link.below = Below::Gone;
        link.down.clear();
        link.say_up(Up::Closed { moved });
    }

    /// The parent's side ends with all that it means there; the other side hears of it in time.
    fn give_up_above(&mut self, link: usize, moved: bool) {
        let Link { child, attempt, parent, edition, above, .. } = self.links[link].clone();
        let known = &mut self.links[link];
        known.up.clear();
        known.above = if above == Above::Asking { Above::Orphaned } else { Above::Gone };
        known.say_down(Down::Closed);
        match above {
            Above::Granted => self.tell(parent, Note::Done { child, attempt, committed: false }),
            Above::Child => self.tell(parent, Note::Lost { child, edition, moved }),
            _ => {}
        }
    }

    fn child_loses(&self, link: usize) -> Option<Self> {
        let mut next = self.clone();
        let lost = &self.links[link];
        (lost.below != Below::Gone).then_some(())?;
        next.give_up_below(link, false);
        next.after_child_lost(link);
        Some(next)
    }

    fn parent_loses(&self, link: usize) -> Option<Self> {
        let above = self.links[link].above;
        (!matches!(above, Above::Gone | Above::Orphaned)).then_some(())?;
        let mut next = self.clone();
        next.give_up_above(link, false);
        Some(next)
    }

    /// What the child makes of the end of a link that it used.
    fn after_child_lost(&mut self, link: usize) {
        let Link { child, attempt, wish, .. } = self.links[link];
        if let Some(wish) = wish.filter(|wish| self.wishes[*wish].stage == Stage::UnderWay) {
            self.wishes[wish].stage = Stage::Ended;
        }
        let mind = &mut self.minds[usize::from(child)];
        if mind.uplink == Some(attempt) {
            mind.uplink = None;
        }
    }

    /// The next thing that a child said arrives.
    fn parent_hears(&self, link: usize, mutant: Option<Mutant>) -> Option<Self> {
        let said = self.links[link].up.first()?.clone();
        let mut next = self.clone();
        next.links[link].up.remove(0);
        let Link { child, attempt, parent, above, edition, .. } = self.links[link].clone();
        match (said, above) {
            (Up::Hello { current, seen }, Above::Fresh) => {
                // An older link of the same child is a leftover.
                let is_old =
                    |l: &Link| l.child == child && l.parent == parent && l.above == Above::Child;
                if let Some(old) = self.links.iter().position(is_old) {
                    next.give_up_above(old, false);
                }
                if mutant == Some(Mutant::PathCheckOnly) {
                    let granted = !self.really_above(parent).contains(&child);
                    next.decide(link, granted);
                } else if parent == ROOT {
                    let granted = next.grant(parent, child, attempt, (current, seen));
                    next.decide(link, granted);
                } else {
                    next.links[link].above = Above::Asking;
                    next.notes[usize::from(parent)].push(Note::Ask {
                        child,
                        attempt,
                        current,
                        seen,
                    });
                }
            }
            (Up::Register, Above::Granted) => {
                next.links[link].above = Above::Child;
                next.tell(parent, Note::Put { child, edition });
                next.tell(parent, Note::Done { child, attempt, committed: true });
            }
            (Up::Closed { moved }, _) => next.give_up_above(link, moved),
            // Whatever else comes belongs to a link that this side does not use any more.
            _ => {}
        }
        Some(next)
    }

    /// The root's word on a child that waits here.
    fn decide(&mut self, link: usize, granted: bool) {
        let known = &mut self.links[link];
        if granted {
            known.above = Above::Granted;
            known.say_down(Down::Welcome);
        } else {
            known.above = Above::Gone;
            known.up.clear();
            known.say_down(Down::Closed);
        }
    }

    /// The next thing that a parent said arrives.
    fn child_hears(&self, link: usize) -> Option<Self> {
        let said = self.links[link].down.first()?.clone();
        let mut next = self.clone();
        next.links[link].down.remove(0);
        match said {
            Down::Closed => {
                next.links[link].below = Below::Gone;
                next.links[link].down.clear();
                next.after_child_lost(link);
            }
            Down::Welcome => next.take_place(link),
        }
        Some(next)
    }

    /// Make before break: the new parent has let us in, so the old one is left.
    fn take_place(&mut self, link: usize) {
        let Link { child, attempt, parent, wish, .. } = self.links[link];
        let mind = &mut self.minds[usize::from(child)];
        mind.edition += 1;
        let (edition, old) = (mind.edition, mind.uplink.replace(attempt));
        mind.home = Some(parent);
        self.links[link].below = Below::Uplink;
        self.links[link].edition = edition;
        self.links[link].say_up(Up::Register);
        let below = self.registered_below(child);
        self.notes[usize::from(child)].push(Note::All { edition, below });
        if let Some(old) = old.and_then(|old| self.link(child, old)) {
            self.give_up_below(old, true);
        }
        if let Some(wish) = wish {
            self.wishes[wish].stage = Stage::Ended;
        }
        let seen = self.minds[usize::from(parent)].seen;
        for below in 1..NODES as Node {
            if self.really_above(below).contains(&child) {
                self.minds[usize::from(below)].seen = seen;
            }
        }
    }

    /// The root is told at once, everybody else's note has to travel.
    fn tell(&mut self, from: Node, note: Note) {
        if from == ROOT {
            self.take_note(ROOT, note);
        } else {
            self.notes[usize::from(from)].push(note);
        }
    }

    /// The next note of this server reaches the root, if the root's map has a way to it.
    fn root_hears(&self, from: Node, mutant: Option<Mutant>) -> Option<Self> {
        let note = self.notes[usize::from(from)].first().filter(|_| self.is_live(from))?.clone();
        let mut next = self.clone();
        next.notes[usize::from(from)].remove(0);
        if mutant != Some(Mutant::PathCheckOnly) || !matches!(note, Note::Ask { .. }) {
            next.take_note(from, note);
        }
        Some(next)
    }

    fn take_note(&mut self, from: Node, note: Note) {
        match note {
            Note::Ask { child, attempt, current, seen } => {
                let granted = self.grant(from, child, attempt, (current, seen));
                self.words.push(Word { to: from, child, attempt, granted });
            }
            Note::Done { child, attempt, committed } => {
                self.book.done(id(child), id(from), u64::from(attempt), committed);
            }
            Note::Put { child, edition } => self.map_put(from, child, edition),
            Note::All { edition, below } => {
                if self.map[usize::from(from)].is_some_and(|known| known.edition == edition) {
                    for (child, known) in below {
                        self.map_entry(child, known);
                    }
                }
            }
            Note::Lost { child, edition, moved } => self.map_lost(from, (child, edition), moved),
        }
    }

    fn map_put(&mut self, parent: Node, child: Node, edition: u8) {
        let newer = self.map[usize::from(child)].is_none_or(|known| known.edition <= edition);
        if !newer || self.mapped_below(child).contains(&parent) {
            return;
        }
        for below in self.mapped_below(child).into_iter().skip(1) {
            self.map[usize::from(below)] = None;
        }
        self.map_entry(child, Known { parent, edition, stale: false });
        // What it said on its old way comes no more: the root takes nothing from there.
        let notes = &mut self.notes[usize::from(child)];
        let is_all = |note: &Note| matches!(note, Note::All { edition: e, .. } if *e == edition);
        if let Some(all) = notes.iter().position(is_all) {
            notes.drain(..all);
        }
    }

    fn map_entry(&mut self, child: Node, known: Known) {
        let old = &mut self.map[usize::from(child)];
        if old.is_none_or(|old| old.edition <= known.edition) {
            *old = Some(known);
            self.book.settle(id(child), id(known.parent));
        }
    }

    fn map_lost(&mut self, parent: Node, (child, edition): (Node, u8), moved: bool) {
        let known = self.map[usize::from(child)];
        if known.is_none_or(|known| known.edition > edition || known.parent != parent) {
            return;
        }
        for below in self.mapped_below(child) {
            if moved {
                self.map[usize::from(below)] = None;
            } else if let Some(known) = &mut self.map[usize::from(below)] {
                known.stale = true;
            }
        }
    }

    fn grant(&mut self, parent: Node, child: Node, attempt: u8, told: (Option<Node>, u8)) -> bool {
        let (current, seen) = told;
        let wish = EdgeWish {
            child: id(child),
            parent: id(parent),
            attempt: u64::from(attempt),
            current_parent: current.map(id),
            root_incarnation: Some(u64::from(seen)),
        };
        let map = self.map;
        let committed = |of| map[node(of)].map(|known| id(known.parent));
        self.book.grant(id(ROOT), wish, self.now, committed).is_ok()
    }

    /// The root's word reaches the server that asked.
    fn word_arrives(&self, word: usize) -> Option<Self> {
        let mut next = self.clone();
        let Word { to, child, attempt, granted } = next.words.remove(word);
        let link = self.link(child, attempt).filter(|link| self.links[*link].parent == to);
        match link.map(|link| (link, self.links[link].above)) {
            Some((link, Above::Asking)) => {
                if !granted {
                    next.tell(to, Note::Done { child, attempt, committed: false });
                }
                next.decide(link, granted);
            }
            Some((link, Above::Orphaned)) => {
                next.links[link].above = Above::Gone;
                next.tell(to, Note::Done { child, attempt, committed: false });
            }
            // It was heard twice, and the first was enough.
            Some((_, Above::Granted | Above::Child)) => {}
            // Nobody waits for it any more: what it grants will not be taken.
            _ => next.tell(to, Note::Done { child, attempt, committed: false }),
        }
        Some(next)
    }

    /// The time that a child may wait at its new parent is over.
    fn wait_ends(&self, link: usize) -> Option<Self> {
        let Link { child, attempt, parent, above, .. } = self.links[link];
        let mut next = self.clone();
        match above {
            Above::Asking | Above::Orphaned => {
                next.tell(parent, Note::Done { child, attempt, committed: false });
                if above == Above::Asking {
                    next.decide(link, false);
                } else {
                    next.links[link].above = Above::Gone;
                }
                Some(next)
            }
            Above::Granted => {
                next.give_up_above(link, false);
                Some(next)
            }
            _ => None,
        }
    }

    fn asks_twice(&self, from: Node) -> Option<Self> {
        let notes = &self.notes[usize::from(from)];
        let ask = notes.first().filter(|note| matches!(note, Note::Ask { .. }))?.clone();
        let mut next = self.clone();
        next.left.duplicates -= 1;
        next.notes[usize::from(from)].push(ask);
        Some(next)
    }

    fn answers_twice(&self, word: usize) -> Self {
        let mut next = self.clone();
        next.left.duplicates -= 1;
        next.words.push(self.words[word].clone());
        next
    }

    /// The root starts anew: it knows nothing, and its links are gone.
    fn restart(&self, mutant: Option<Mutant>) -> Option<Self> {
        if self.left.restarts == 0 {
            return None;
        }
        let mut next = self.clone();
        next.left.restarts -= 1;
        next.run += 1;
        next.book = ltn_proto::sim::Book::new(u64::from(next.run), next.now, mutant);
        next.map = [None; NODES];
        next.minds[usize::from(ROOT)].seen = next.run;
        for link in next.links.iter_mut().filter(|link| link.parent == ROOT) {
            link.above = Above::Gone;
            link.up.clear();
            link.say_down(Down::Closed);
        }
        Some(next)
    }

    /// Time goes on until nothing of the root's earlier run can be in use: every wait is shorter
    /// than the quiet time, by more than what was said needs to arrive. Dials may happen meanwhile.
    fn quiet_ends(&self) -> Option<Self> {
        let in_use = |link: &Link| {
            let waits = matches!(link.above, Above::Asking | Above::Orphaned | Above::Granted);
            let dials = |said: &Up| matches!(said, Up::Hello { .. });
            waits || !link.down.is_empty() || !link.up.iter().all(dials)
        };
        let under_way = (1..NODES as Node)
            .any(|from| !self.notes[usize::from(from)].is_empty() && self.is_live(from));
        let over = self.run > 1 && self.now < Self::after_quiet_time();
        (over && !under_way && !self.links.iter().any(in_use)).then(|| {
            let mut next = self.clone();
            next.now = Self::after_quiet_time();
            next
        })
    }
}
