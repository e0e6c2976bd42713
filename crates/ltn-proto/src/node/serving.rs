//! The periodic routines of this node: those of the program are told to run, those that come with
//! it are done here.
//!
//! Two come with it. `Ping` keeps the round trip to each direct neighbour of a server.
//! `Metadata_update` tells the neighbours when what this node offers has changed; nobody polls, and
//! whoever wants the news asks for `SERVERDATA` or `CLIENTDATA`, which are made fresh each time.

use std::time::Duration;

use bytes::Bytes;

use super::{NodeConfig, NodeState};
use crate::event::{Event, ServiceWish};
use crate::frame::Kind;
use crate::id::{LinkId, NodeId, OpId};
use crate::limits::DATA_SOCKETS_MAX;
use crate::moment::Moment;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::role::Role;
use crate::services::{Rhythm, Run, Services, Worker};
use crate::value::Value;

const PING: &str = "Ping";
/// A round trip is measured anew when it is older than this.
const PING_PAUSE: Duration = Duration::from_secs(10);
const METADATA_UPDATE: &str = "Metadata_update";
/// A program that offers a hundred things one after the other is told of once a second.
const METADATA_PAUSE: Duration = Duration::from_secs(1);

/// The services that a node starts with.
pub(super) fn built_in(config: &NodeConfig, now: Moment) -> Services {
    let mut services = Services::default();
    if config.services && config.role.is_server() {
        services.build_in(now, PING, Rhythm::Every(PING_PAUSE));
    }
    if config.services && config.role != Role::Session {
        services.build_in(now, METADATA_UPDATE, Rhythm::WhenWoken(METADATA_PAUSE));
    }
    services
}

impl NodeState {
    pub(super) fn on_service_wish(&mut self, now: Moment, op: OpId, wish: ServiceWish) {
        let outcome = match self.carry_out_service_wish(now, wish) {
            Ok(()) => Outcome::Reply(Value::Null),
            Err(refusal) => Outcome::Refused(refusal),
        };
        self.event(Event::Ended { op, outcome });
    }

    fn carry_out_service_wish(&mut self, now: Moment, wish: ServiceWish) -> Result<(), Refusal> {
        if self.stopping.is_some() {
            return Err(Refusal::new(RefusalKind::Stopping, "this node is stopping"));
        }
        match wish {
            ServiceWish::Keep { name, interval } => self.services.keep(now, &name, interval),
            ServiceWish::Remove { name } => self.services.remove(&name),
            ServiceWish::Enable { name, enabled } => {
                self.services.enable(now, name.as_deref(), enabled)
            }
            ServiceWish::RunNow { name } => {
                let run = self.services.run_now(now, &name)?;
                self.run_service(now, run);
                Ok(())
            }
        }
    }

    pub(super) fn run_due_services(&mut self, now: Moment) {
        while let Some(run) = self.services.pop_due(now) {
            self.run_service(now, run);
        }
    }

    fn run_service(&mut self, now: Moment, run: Run) {
        let Run { name, number, worker } = run;
        match worker {
            Worker::Program => {
                let connections = self.links.children().map(|(id, _)| id).collect();
                self.event(Event::ServiceDue { name, run: number, connections });
            }
            Worker::Mind => {
                match name.as_str() {
                    PING => self.ping_neighbours(now),
                    _ => self.tell_news(),
                }
                self.services.ended(now, &name, number, None);
            }
        }
    }

    pub(super) fn on_service_ended(
        &mut self,
        now: Moment,
        name: &str,
        run: u64,
        error: Option<&str>,
    ) {
        if let Some(error) = self.services.ended(now, name, run, error) {
            self.event(Event::ServiceFailed { name: name.to_owned(), error });
        }
    }

    /// Measures the neighbours that were not measured lately. Idle links are pinged anyway, so
    /// these are the busy ones.
    fn ping_neighbours(&mut self, now: Moment) {
        let is_old = |round_trip: Option<(Duration, Moment)>| {
            round_trip.is_none_or(|(_, at)| now.since(at) >= PING_PAUSE)
        };
        let links: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(_, link)| {
                link.is_registered() && link.pinged.is_none() && is_old(link.round_trip)
            })
            .map(|(id, _)| id)
            .collect();
        for link in links {
            self.ping_link(now, link);
        }
    }

    pub(super) fn ping_link(&mut self, now: Moment, link: LinkId) {
        if let Some(known) = self.links.get_mut(link) {
            // Pongs come in the order of the pings: the first one answers the first ping.
            known.pinged.get_or_insert(now);
        }
        self.say(link, Kind::PING, Bytes::new());
    }

    pub(super) fn on_pong(&mut self, now: Moment, link: LinkId) {
        let Some(known) = self.links.get_mut(link) else { return };
        // A pong that nobody asked for says only that the other end is there.
        if let Some(pinged) = known.pinged.take() {
            known.round_trip = Some((now.since(pinged), now));
        }
    }

    /// How long the last ping to this direct neighbour took, if it was pinged.
    pub(super) fn round_trip_to(&self, peer: NodeId) -> Option<Duration> {
        let above = self.uplink.parent.as_ref().filter(|parent| parent.id == peer);
        let link = self.links.child(peer).or(above.map(|parent| parent.link))?;
        self.links.get(link)?.round_trip.map(|(round_trip, _)| round_trip)
    }

    /// One line about each service.
    pub(super) fn services_value(&self, now: Moment) -> Value {
        Value::list(self.services.statuses(now).iter().map(ToString::to_string))
    }

    /// To be called after whatever may have changed what this node offers.
    pub(super) fn notice_changed_offers(&mut self, now: Moment) {
        if self.offers.take_changed() {
            self.services.wake(now, METADATA_UPDATE);
        }
    }

    /// Others are told of these data sockets from now on.
    pub(super) fn set_data_sockets(&mut self, now: Moment, mut sockets: Vec<(String, u16)>) {
        sockets.truncate(DATA_SOCKETS_MAX);
        if self.data_sockets != sockets {
            self.data_sockets = sockets;
            self.notice_changed_metadata(now);
        }
    }

    /// What this node tells of itself is another thing now, for another reason than its offers.
    pub(super) fn notice_changed_metadata(&mut self, now: Moment) {
        self.services.wake(now, METADATA_UPDATE);
    }

    /// Tells the neighbours that it is worth asking for the metadata again. Visitors do not stay
    /// long enough to want it.
    fn tell_news(&mut self) {
        let stays = |id: &NodeId| self.tree.get(*id).is_some_and(|r| r.role.is_listed());
        let below = self.links.children().filter(|(id, _)| stays(id)).map(|(_, link)| link);
        let above = self.uplink.parent.as_ref().map(|parent| parent.link);
        let links: Vec<LinkId> = below.chain(above).collect();
        for link in links {
            self.say(link, Kind::NEWS, Bytes::new());
        }
    }

    pub(super) fn on_news(&mut self, link: LinkId) {
        if let Some(peer) = self.links.get(link).map(|l| l.peer) {
            self.event(Event::MetadataChanged { peer });
        }
    }
}
