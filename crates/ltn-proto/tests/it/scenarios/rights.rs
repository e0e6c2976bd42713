//! Rights on a server, and what is done with them: keys, muting, kicking, and what one is told.

use super::*;
use ltn_proto::sim::Line;
use ltn_proto::{CloseReason, CommandSpec, KeyNews, KeyWish, Op, Permission};

#[track_caller]
fn says(network: &mut Network, host: HostId, to: &str, line: &Line<'_>) -> String {
    reply_text(network.call(host, to, line))
}

/// A main server where nobody is admin but itself, with a sub-server and three clients: `ann` and
/// `bob` at the main server, `low` below `sub`.
struct House {
    network: Network,
    main: HostId,
    sub: HostId,
    ann: HostId,
    bob: HostId,
    low: HostId,
}

fn house(seed: u64) -> House {
    let mut network = network(seed);
    let main = network.add_with(Role::MainServer, "", users_only);
    let sub = network.add_with(Role::SubServer, "sub", users_only);
    let [ann, bob, low] = ["ann", "bob", "low"].map(|name| network.add(Role::Client, name));
    for (host, server) in [(sub, main), (ann, main), (bob, main), (low, sub)] {
        joins(&mut network, host, server);
    }
    assert!(network.run_until_quiet());
    House { network, main, sub, ann, bob, low }
}

/// Calls a command with a key, and says as the body of that server whether it is right.
fn with_key(network: &mut Network, host: HostId, server: HostId, right: bool) -> Outcome {
    let line = Line::new("s.getadmin", &["open sesame"]);
    let asked = |network: &Network| {
        let told = network.history().told(server).filter_map(|event| match event {
            Event::AdminKey { inbound, wish: KeyWish::Check(_) } => Some(*inbound),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let before = asked(network).len();
    let op = network.begin_call(host, "..", &line);
    network.run_until(SECOND * 5, |network| {
        network.outcome(op).is_some() || asked(network).len() > before
    });
    if let Some(inbound) = asked(network).get(before) {
        let news = KeyNews::Checked { inbound: *inbound, right };
        network.tell(server, Op::AdminKey(news));
    }
    network.finish(op)
}

#[test]
fn rights_are_given_and_taken_and_hold_from_wherever_the_node_speaks() {
    let House { mut network, main, low, ann, .. } = house(40);
    let gate = Permission::word("gate").expect("a word");
    let spec = CommandSpec::new("s.gate", "open the gate").permission(gate);
    network.tell(main, Op::OfferCommand { spec });
    let open = Line::new("s.gate", &[]);
    refused(network.call(low, "/", &open), RefusalKind::NoPermission);
    refused(
        network.call(ann, "/", &Line::new("s.getrights", &["gate"])),
        RefusalKind::NoPermission,
    );
    let give = Line::new("s.giverights", &["low", "gate", "bell"]);
    refused(network.call(ann, "/", &give), RefusalKind::NoPermission);
    assert_eq!(says(&mut network, main, "/", &give), "low holds bell, gate, user at Mainserver");
    network.run_for(SECOND);
    assert!(matches!(network.call(low, "/", &open), Outcome::Reply(_)));
    refused(network.call(ann, "/", &open), RefusalKind::NoPermission);
    refused(network.call(low, "/sub", &give), RefusalKind::NoPermission);
    let heard = texts_heard(&network, low);
    assert_eq!(heard, ["Mainserver: you hold bell, gate, user at Mainserver"]);
    let take = Line::new("s.takerights", &["low", "gate"]);
    assert_eq!(says(&mut network, main, "/", &take), "low holds bell, user at Mainserver");
    refused(network.call(low, "/", &open), RefusalKind::NoPermission);
    let again = refused(network.call(main, "/", &take), RefusalKind::NotPossible);
    assert!(again.contains("was given none"), "{again}");
    let user = Line::new("s.takerights", &["low", "user"]);
    refused(network.call(main, "/", &user), RefusalKind::NotPossible);
    let bad = Line::new("s.giverights", &["low", "two words"]);
    refused(network.call(main, "/", &bad), RefusalKind::BadArguments);
}

#[test]
fn who_is_made_admin_by_name_is_one_everywhere_and_can_be_unmade() {
    let House { mut network, main, ann, bob, .. } = house(41);
    says(&mut network, main, "/", &Line::new("s.giverights", &["ann", "admin"]));
    let said = says(&mut network, ann, "/", &Line::new("s.getrights", &["gate"]));
    assert_eq!(said, "ann holds admin, gate, user at Mainserver");
    assert!(matches!(
        network.call(ann, "/", &Line::new("s.shutdownnetwork", &[])),
        Outcome::Confirm(_)
    ));
    let line = Line::new("s.removeadmin", &["ann"]);
    refused(network.call(bob, "/", &line), RefusalKind::NoPermission);
    let said = says(&mut network, ann, "/", &Line::new("s.removeadmin", &[]));
    assert_eq!(said, "ann: no admin of Mainserver any more");
    refused(
        network.call(ann, "/", &Line::new("s.shutdownnetwork", &[])),
        RefusalKind::NoPermission,
    );
    let not_one = refused(network.call(main, "/", &line), RefusalKind::NotPossible);
    assert!(not_one.contains("is no admin"), "{not_one}");
}

#[test]
fn where_everybody_is_admin_nobody_is_unmade() {
    let Demonstration { mut network, clients, .. } = demonstration();
    let line = Line::new("s.removeadmin", &["client1"]);
    let why = refused(network.call(clients[1], "/", &line), RefusalKind::NotPossible);
    assert!(why.contains("everybody is admin"), "{why}");
    let said = says(&mut network, clients[0], "/", &Line::new("s.getadmin", &[]));
    assert_eq!(said, "you are an admin of Mainserver");
}

#[test]
fn the_key_makes_admin_of_one_server_on_one_link() {
    let House { mut network, main, sub, ann, low, .. } = house(42);
    let off = refused(with_key(&mut network, ann, main, true), RefusalKind::NotPossible);
    assert!(off.contains("has no admin key"), "{off}");
    for server in [main, sub] {
        network.tell(server, Op::AdminKey(KeyNews::Known(true)));
    }
    refused(with_key(&mut network, ann, main, false), RefusalKind::NoPermission);
    assert!(was_told(&network, main, |event| matches!(event, Event::WrongKey { .. })));
    refused(network.call(ann, "/", &Line::new("s.mute", &["bob"])), RefusalKind::NoPermission);
    assert!(matches!(with_key(&mut network, ann, main, true), Outcome::Reply(_)));
    says(&mut network, ann, "/", &Line::new("s.mute", &["bob"]));
    says(&mut network, ann, "/", &Line::new("s.unmute", &["bob"]));
    // Its own server, and nothing beyond: not the network, not others' servers, no handing on.
    for (target, line) in [
        ("/", Line::new("s.shutdownnetwork", &[])),
        ("/", Line::new("s.shutdownserver", &["sub"])),
        ("/", Line::new("s.restartserver", &["sub"])),
        ("/", Line::new("s.shutdownsubtree", &["sub"])),
        ("/", Line::new("s.restartsubtree", &["sub"])),
        ("/", Line::new("s.restartnetwork", &[])),
        ("/", Line::new("s.giverights", &["bob", "gate"])),
        ("/", Line::new("s.getrights", &["admin"])),
        ("/sub", Line::new("s.mute", &["low"])),
        ("/sub", Line::new("s.shutdown", &[])),
    ] {
        refused(network.call(ann, target, &line), RefusalKind::NoPermission);
    }
    let said = says(&mut network, ann, "/", &Line::new("s.getrights", &["gate"]));
    assert_eq!(said, "ann holds admin, gate, user at Mainserver");
    // It ends with the link.
    network.leave(ann);
    joins(&mut network, ann, main);
    assert!(network.run_until_quiet());
    refused(network.call(ann, "/", &Line::new("s.mute", &["bob"])), RefusalKind::NoPermission);
    // Who is joined elsewhere gives its key there.
    let far = Line::new("s.getadmin", &["open sesame"]);
    let why = refused(network.call(low, "/", &far), RefusalKind::NotPossible);
    assert!(why.contains("only to the server that this node is joined to"), "{why}");
    assert!(matches!(with_key(&mut network, low, sub, true), Outcome::Reply(_)));
}

#[test]
fn wrong_keys_have_to_wait_longer_and_longer() {
    let House { mut network, main, ann, bob, .. } = house(43);
    network.tell(main, Op::AdminKey(KeyNews::Known(true)));
    for _ in 0..5 {
        refused(with_key(&mut network, ann, main, false), RefusalKind::NoPermission);
    }
    let why = refused(with_key(&mut network, ann, main, true), RefusalKind::Busy);
    assert!(why.contains("try again in"), "{why}");
    assert!(matches!(with_key(&mut network, bob, main, true), Outcome::Reply(_)));
    network.run_for(SECOND * 61);
    refused(with_key(&mut network, ann, main, false), RefusalKind::NoPermission);
    network.run_for(SECOND * 61);
    refused(with_key(&mut network, ann, main, true), RefusalKind::Busy);
    network.run_for(SECOND * 61);
    assert!(matches!(with_key(&mut network, ann, main, true), Outcome::Reply(_)));
}

#[test]
fn a_new_key_is_kept_by_its_hash_and_unmakes_who_came_by_the_old_one() {
    let House { mut network, main, ann, bob, low, .. } = house(44);
    network.tell(main, Op::AdminKey(KeyNews::Known(true)));
    assert!(matches!(with_key(&mut network, ann, main, true), Outcome::Reply(_)));
    assert!(matches!(with_key(&mut network, bob, main, true), Outcome::Reply(_)));
    let short = Line::new("s.setadminkey", &["short"]);
    let why = refused(network.call(ann, "/", &short), RefusalKind::BadArguments);
    assert!(why.contains("8 to 1024 bytes") && !why.contains("short"), "{why}");
    says(&mut network, main, "/", &Line::new("s.giverights", &["low", "admin"]));
    let key = "sesame, close";
    let far = refused(
        network.call(low, "/", &Line::new("s.setadminkey", &[key])),
        RefusalKind::NotPossible,
    );
    assert!(!far.contains(key), "{far}");
    let op = network.begin_call(ann, "/", &Line::new("s.setadminkey", &[key]));
    let kept = |event: &Event| match event {
        Event::AdminKey { inbound, wish: KeyWish::Keep(key) } => {
            Some((*inbound, key.reveal().to_owned()))
        }
        _ => None,
    };
    network
        .run_until(SECOND * 5, |network| network.history().told(main).any(|e| kept(e).is_some()));
    let (inbound, given) = network.history().told(main).find_map(kept).expect("it is to be kept");
    assert_eq!(given, key);
    network.tell(main, Op::AdminKey(KeyNews::Kept { inbound, error: None }));
    let said = reply_text(network.finish(op));
    assert!(said.contains("nothing but its hash") && !said.contains(key), "{said}");
    let about = says(&mut network, ann, "/", &Line::new("s.getadminkey", &[]));
    assert!(about.contains("s.setadminkey(new_key)"), "{about}");
    refused(network.call(bob, "/", &Line::new("s.getadminkey", &[])), RefusalKind::NoPermission);
}

#[test]
fn who_is_muted_is_no_source_of_anything_and_still_passes_on_and_answers() {
    let House { mut network, main, sub, ann, bob, low } = house(45);
    for host in [ann, bob, low, sub] {
        network.offer(host, "echo");
    }
    let mute = Line::new("s.mute", &["sub", "ann"]);
    assert_eq!(says(&mut network, main, "/", &mute), "sub, ann muted at Mainserver");
    network.run_for(SECOND);
    let heard = texts_heard(&network, ann);
    assert!(heard.iter().any(|text| text.starts_with("Mainserver muted you")), "{heard:?}");
    // Nothing of what it says is looked at here, or passed on from here.
    let why = refused(network.send(ann, "/", "hello"), RefusalKind::Muted);
    assert!(why.contains("muted at Mainserver"), "{why}");
    refused(network.send(ann, "/bob", "hello"), RefusalKind::Muted);
    refused(network.send(ann, "/sub/low", "hello"), RefusalKind::Muted);
    refused(network.request(ann, "/bob", "echo", text("x")), RefusalKind::Muted);
    refused(network.call(ann, "/", &Line::new("s.info", &[])), RefusalKind::Muted);
    refused(network.send(sub, "/bob", "hello"), RefusalKind::Muted);
    network.cast(ann, "/bob", "psst");
    network.run_for(SECOND);
    assert!(texts_heard(&network, bob).is_empty());
    // It answers, others pass through it, and its link lives.
    assert_eq!(network.request(bob, "/ann", "echo", text("x")), Outcome::Reply(text("x")));
    assert_eq!(network.send(low, "/bob", "through sub"), Outcome::Delivered);
    assert_eq!(network.send(bob, "/sub/low", "and back"), Outcome::Delivered);
    assert_eq!(network.send(sub, "/sub/low", "its own"), Outcome::Delivered);
    network.run_for(SECOND * 30);
    assert!(paths(&network, main).contains(&"/ann".to_owned()));

    let unmute = Line::new("s.unmute", &["ann"]);
    assert_eq!(says(&mut network, main, "/", &unmute), "ann heard again at Mainserver");
    assert_eq!(network.send(ann, "/bob", "hello"), Outcome::Delivered);
    refused(network.call(main, "/", &Line::new("s.mute", &["."])), RefusalKind::NotPossible);
    refused(network.call(main, "/", &Line::new("s.mute", &["ann", "xy"])), RefusalKind::BadTarget);
    assert_eq!(network.send(ann, "/bob", "none or all"), Outcome::Delivered);
}

#[test]
fn who_is_kicked_hears_why_stays_away_and_is_let_in_after_a_minute() {
    let House { mut network, main, ann, bob, .. } = house(46);
    refused(network.call(ann, "/", &Line::new("s.kickuser", &["bob"])), RefusalKind::NoPermission);
    says(&mut network, main, "/", &Line::new("s.giverights", &["ann", "admin"]));
    let kick = Line::new("s.kickuser", &["bob"]);
    assert_eq!(says(&mut network, ann, "/", &kick), "bob kicked, and not let in for 1 min");
    network.run_for(SECOND * 20);
    let told = |event: &Event| match event {
        Event::Disconnected { reason: CloseReason::Kicked, text, returning, .. } => {
            text.starts_with("ann kicked you") && !returning
        }
        _ => false,
    };
    assert!(was_told(&network, bob, told));
    assert!(!paths(&network, main).contains(&"/bob".to_owned()));
    let why = refused(network.join(bob, main), RefusalKind::Kicked);
    assert!(why.contains("lets it in after"), "{why}");
    network.run_for(SECOND * 60);
    joins(&mut network, bob, main);
    refused(network.call(ann, "/", &Line::new("s.kickuser", &["ann"])), RefusalKind::NotPossible);
    let far = refused(
        network.call(ann, "/", &Line::new("s.kickuser", &["bob", "low"])),
        RefusalKind::NotPossible,
    );
    assert!(far.contains("its server, /sub"), "{far}");
    assert!(paths(&network, main).contains(&"/bob".to_owned()), "none or all");
}

#[test]
fn who_kicks_an_address_stays_and_hears_so() {
    let House { mut network, main, sub, ann, bob, low } = house(47);
    for name in ["ann", "/sub/low"] {
        says(&mut network, main, "/", &Line::new("s.giverights", &[name, "admin"]));
    }
    let place = |host: HostId| format!("sim:{}", host.0);
    let line = |place: &str| Line::new("s.kickip", &[place]).clone();
    let (at_ann, at_bob, at_sub) = (place(ann), place(bob), place(sub));
    let own = refused(network.call(ann, "/", &line(&at_ann)), RefusalKind::NotPossible);
    assert!(own.contains("only ann is there"), "{own}");
    let through = refused(network.call(low, "/", &line(&at_sub)), RefusalKind::NotPossible);
    assert!(through.contains("you speak through it"), "{through}");
    let both = Line::new("s.kickip", &[&at_ann, &at_bob]);
    let said = says(&mut network, ann, "/", &both);
    assert!(
        said.starts_with("bob kicked") && said.contains("ann is there too and stays"),
        "{said}"
    );
    network.run_for(SECOND);
    let there = paths(&network, main);
    assert!(there.contains(&"/ann".to_owned()) && !there.contains(&"/bob".to_owned()));
    refused(network.call(ann, "/", &line("10.0.0.1")), RefusalKind::BadTarget);
}

#[test]
fn help_tells_of_the_project_the_server_categories_and_commands() {
    let House { mut network, ann, .. } = house(48);
    let mut help = |words: &[&str]| says(&mut network, ann, "/", &Line::new("s.help", words));
    assert!(help(&[]).contains("s.help(project), s.help(server)"));
    assert!(help(&["project"]).contains("layered network"));
    assert!(help(&["server"]).contains("1 server and 2 clients are joined to it"));
    let all = help(&["commands"]);
    for line in ["user management commands:", "  s.kickuser(username, …) – ", "(needs admin)"] {
        assert!(all.contains(line), "{line}: {all}");
    }
    let some = help(&["network management commands"]);
    assert!(some.contains("s.shutdownnetwork()") && !some.contains("s.mute"), "{some}");
    let two = help(&["s.mute", "ping"]);
    assert_eq!(two.lines().count(), 2, "{two}");
    let unknown = network.call(ann, "/", &Line::new("s.help", &["s.mut"]));
    let text = refused(unknown, RefusalKind::NotOffered);
    assert!(text.contains("did you mean `s.mute`?"), "{text}");
}

#[test]
fn info_tells_an_admin_more() {
    let House { mut network, main, ann, bob, .. } = house(49);
    says(&mut network, main, "/", &Line::new("s.mute", &["bob"]));
    let about_bob = Line::new("s.info", &["bob"]);
    let plain = says(&mut network, ann, "/", &about_bob);
    assert_eq!(plain.lines().count(), 1, "{plain}");
    let own = says(&mut network, ann, "/", &Line::new("s.info", &["ann"]));
    assert!(own.contains("may: user"), "{own}");
    let more = says(&mut network, main, "/", &about_bob);
    let place = format!("from sim:{}", bob.0);
    assert!(more.contains("may: user; muted") && more.contains(&place), "{more}");
    let two = says(&mut network, ann, "/", &Line::new("s.info", &["/bob", "/sub/low"]));
    assert_eq!(two.lines().count(), 2, "{two}");
    let commands = says(&mut network, ann, "/", &Line::new("s.info", &["commands"]));
    assert!(commands.contains("s.getadmin([adminkey])"), "{commands}");
    refused(network.call(ann, "/", &Line::new("s.info", &["nobody"])), RefusalKind::BadTarget);
    let map = |outcome: Outcome| match outcome {
        Outcome::Reply(Value::Map(map)) => map,
        other => panic!("{other:?} is no map"),
    };
    let for_user = map(network.call(ann, "/", &Line::new("s.info", &[])));
    let for_admin = map(network.call(main, "/", &Line::new("s.info", &[])));
    assert!(!for_user.contains_key("muted"));
    assert_eq!(for_admin["muted"].to_string(), Value::list([Value::from("bob")]).to_string());
    assert_eq!(for_admin["everybody_may"], Value::from("user"));
}
