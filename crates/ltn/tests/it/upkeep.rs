//! Services, what a node has to say, and its logs, over a net inside this process. Time stands
//! still while anybody has something to do, and jumps when nobody has.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ltn::{
    CallReply, Client, Event, MainServer, MemoryNet, Node, NodeBuilder, Notice, NoticeKind,
    Permissions, RefusalKind, ServiceStatus, SubServer, TalkError, Value,
};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

async fn start(builder: NodeBuilder, net: &MemoryNet) -> Node {
    builder.open().in_memory(net).start().await.unwrap()
}

async fn main_server(net: &MemoryNet) -> Node {
    start(MainServer::builder(), net).await
}

async fn join(builder: NodeBuilder, below: &Node, net: &MemoryNet) -> Node {
    let node = start(builder, net).await;
    node.connect(&below.address().unwrap()).await.unwrap();
    node
}

async fn run(by: &Node, command: &str, arguments: Vec<Value>) -> Result<Value, TalkError> {
    match by.call("/", command, arguments).await? {
        CallReply::Done(value) => Ok(value),
        CallReply::Confirm(confirmation) => panic!("{command} asks: {}", confirmation.text),
    }
}

/// The text of an answer that brings one.
async fn text(by: &Node, command: &str, arguments: Vec<Value>) -> String {
    match run(by, command, arguments).await.unwrap() {
        Value::Map(map) => map["text"].to_string(),
        other => other.to_string(),
    }
}

async fn service(node: &Node, name: &str) -> ServiceStatus {
    let services = node.services().await.unwrap();
    services.into_iter().find(|service| service.name == name).unwrap()
}

async fn notice(
    notices: &mut broadcast::Receiver<Notice>,
    fits: impl Fn(&Notice) -> bool,
) -> Notice {
    loop {
        let notice = notices.recv().await.unwrap();
        if fits(&notice) {
            return notice;
        }
    }
}

/// A directory of one story, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ltn-upkeep-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory that stays behind spoils no test.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_runs_once_per_interval_and_knows_who_is_joined() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let (runs, mut begun) = mpsc::unbounded_channel();
    main.service("count", SECOND * 60, move |context| {
        let runs = runs.clone();
        async move { runs.send(context.connections).map_err(|gone| gone.to_string()) }
    })
    .await
    .unwrap();
    let start = Instant::now();
    for tick in 0..3 {
        assert_eq!(begun.recv().await.unwrap(), [lamp.id()]);
        let late = start.elapsed().abs_diff(SECOND * 60 * tick);
        assert!(late < SECOND, "run {tick} is off by {late:?}");
    }
    main.run_service_now("count").await.unwrap();
    begun.recv().await.unwrap();
    assert!(start.elapsed() < SECOND * 121, "at once");
    main.remove_service("count").await.unwrap();
    assert_eq!(begun.recv().await, None, "its function is gone with it");
    assert!(main.services().await.unwrap().iter().all(|service| service.built_in));
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_skips_ticks_and_never_runs_twice_at_a_time() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let (runs, mut begun) = mpsc::unbounded_channel();
    main.service("slow", SECOND * 10, move |_| {
        let runs = runs.clone();
        async move {
            runs.send(()).map_err(|gone| gone.to_string())?;
            tokio::time::sleep(SECOND * 25).await;
            Ok(())
        }
    })
    .await
    .unwrap();
    let start = Instant::now();
    begun.recv().await.unwrap();
    let busy = main.run_service_now("slow").await.unwrap_err();
    assert!(matches!(&busy, TalkError::Refused(r) if r.kind == RefusalKind::Busy), "{busy}");
    begun.recv().await.unwrap();
    assert!(start.elapsed().abs_diff(SECOND * 30) < SECOND, "{:?}", start.elapsed());
    assert_eq!(service(&main, "slow").await.skipped, 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_is_disabled_and_told_as_an_error() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let mut notices = main.notices();
    let mut events = main.events();
    main.service("broken", SECOND, |_| async { panic!("the sensor is on fire") }).await.unwrap();
    let error = notice(&mut notices, |notice| notice.kind == NoticeKind::Error).await;
    assert_eq!(error.text, "the service broken failed and is disabled: it panicked");
    let failed = loop {
        if let Event::ServiceFailed { name, error } = events.recv().await.unwrap() {
            break (name, error);
        }
    };
    assert_eq!(failed, ("broken".to_owned(), "it panicked".to_owned()));
    let status = service(&main, "broken").await;
    assert!(!status.enabled && status.runs == 1);
    assert!(text(&main, "s.errortrace", vec![]).await.contains("error: the service broken failed"));
    let info = run(&main, "s.info", vec![]).await.unwrap().to_string();
    assert!(info.contains("broken: disabled, it failed"), "{info}");
}

#[tokio::test(start_paused = true)]
async fn services_are_switched_by_command_one_or_all() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let off = text(&lamp, "s.services", vec!["off".into(), "Ping".into()]).await;
    assert!(off.contains("Ping: off") && off.contains("Metadata_update: on"), "{off}");
    let off = text(&lamp, "s.services", vec![false.into()]).await;
    assert!(off.contains("Metadata_update: off"), "{off}");
    let on = text(&lamp, "s.services", vec!["true".into()]).await;
    assert!(on.contains("Ping: on") && on.contains("Metadata_update: on"), "{on}");
    let unknown = run(&lamp, "s.services", vec!["on".into(), "ping".into()]).await.unwrap_err();
    assert!(unknown.to_string().contains("did you mean `Ping`?"), "{unknown}");
    let odd = run(&lamp, "s.services", vec!["maybe".into()]).await.unwrap_err();
    assert!(odd.to_string().contains("say `on` or `off`"), "{odd}");
}

#[tokio::test(start_paused = true)]
async fn a_node_can_start_without_services() {
    let net = MemoryNet::default();
    let main = start(MainServer::builder().services(false), &net).await;
    assert_eq!(main.services().await.unwrap(), []);
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let own: Vec<String> =
        lamp.services().await.unwrap().into_iter().map(|service| service.name).collect();
    assert_eq!(own, ["Metadata_update"], "a client measures nobody");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_services_go_on_and_what_was_switched_off_stays_off() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let (runs, mut begun) = mpsc::unbounded_channel();
    main.service("count", SECOND * 60, move |_| {
        let runs = runs.clone();
        async move { runs.send(()).map_err(|gone| gone.to_string()) }
    })
    .await
    .unwrap();
    begun.recv().await.unwrap();
    main.set_service_enabled("Ping", false).await.unwrap();
    main.restart().await;
    begun.recv().await.unwrap();
    assert!(!service(&main, "Ping").await.enabled);
    assert!(service(&main, "Metadata_update").await.enabled);
    main.shutdown().await;
    assert_eq!(begun.recv().await, None, "nothing runs on a node that has stopped");
    let late = main.service("late", SECOND, |_| async { Ok(()) }).await;
    assert_eq!(late, Err(TalkError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_server_knows_the_round_trip_to_its_client() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let info = loop {
        main.run_service_now("Ping").await.unwrap();
        lamp.request("/", "PING", ()).await.unwrap();
        let info = text(&lamp, "s.info", vec!["lamp".into()]).await;
        if info.contains(", ping ") {
            break info;
        }
    };
    assert!(info.contains(" ms"), "{info}");
}

#[tokio::test(start_paused = true)]
async fn a_client_hears_that_its_server_offers_something_new() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let mut events = lamp.events();
    main.offer("colour", "red").await.unwrap();
    loop {
        if let Event::MetadataChanged { peer } = events.recv().await.unwrap() {
            assert_eq!(peer, main.id());
            break;
        }
    }
    let fresh = lamp.request("/", "SERVERDATA", ()).await.unwrap().to_string();
    assert!(fresh.contains("colour") && fresh.contains("s.errortrace"), "{fresh}");
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_notice_can_be_told_apart() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let mut notices = main.notices();
    let mut messages = main.messages().unwrap();
    let sub1 = join(SubServer::builder("sub1"), &main, &net).await;
    let joined = notice(&mut notices, |notice| notice.kind == NoticeKind::Connection).await;
    assert_eq!(joined.text, "sub1 joined as a sub-server");
    sub1.send("/", "hello\u{1b}[2J\nthere").await.unwrap();
    let said = notice(&mut notices, |notice| notice.kind == NoticeKind::Message).await;
    assert_eq!((said.from.as_deref(), said.text.as_str()), (Some("/sub1"), "hello[2J there"));
    messages.recv().await.unwrap();
    main.handle("panics", |_| async { panic!("oh") }).await.unwrap();
    sub1.request("/", "panics", ()).await.unwrap_err();
    let error = notice(&mut notices, |notice| notice.kind == NoticeKind::Error).await;
    assert_eq!(error.text, "the handler of panics: it panicked");
    sub1.shutdown().await;
    let left = notice(&mut notices, |notice| notice.kind == NoticeKind::Connection).await;
    assert_eq!(left.text, "sub1 is gone: shutting down");
    main.shutdown().await;
    let last = notice(&mut notices, |notice| notice.text == "stopped").await;
    assert_eq!(last.kind, NoticeKind::Status);
    assert!(notices.recv().await.is_err() && main.notices().recv().await.is_err());
    let log = main.log();
    assert!(log[0].text.starts_with("started as a main-server at mem:"), "{}", log[0]);
    assert!(log.windows(2).all(|two| two[0].number + 1 == two[1].number));
    assert_eq!(main.troubles(), [error]);
}

#[tokio::test(start_paused = true)]
async fn casts_that_nobody_reads_are_a_warning() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let mut notices = main.notices();
    drop(main.messages());
    lamp.cast("/", bytes::Bytes::from_static(b"anybody?")).await.unwrap();
    let warning = notice(&mut notices, |notice| notice.kind == NoticeKind::Warning).await;
    assert_eq!(warning.text, "nobody reads the messages: 1 dropped");
}

#[tokio::test(start_paused = true)]
async fn who_holds_no_handle_reads_no_messages() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let address = main.address().unwrap();
    drop(main);
    let lamp = start(Client::builder("lamp"), &net).await;
    lamp.connect(&address).await.unwrap();
    let refused = lamp.send("/", "anybody?").await.unwrap_err();
    assert!(matches!(&refused, TalkError::Refused(r) if r.kind == RefusalKind::NotPossible));
    let tasks = text(&lamp, "s.listthreads", vec![]).await;
    assert!(tasks.starts_with("driver: life 1"), "the node goes on: {tasks}");
}

#[tokio::test]
async fn the_log_goes_into_its_file_and_is_complete_when_the_node_has_stopped() {
    let (net, directory) = (MemoryNet::default(), Directory::new());
    let builder = MainServer::builder().log_file(directory.0.join("main.jsonl"));
    let main = start(builder, &net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let mut messages = main.messages().unwrap();
    lamp.send("/", "is \"anybody\" there?").await.unwrap();
    messages.recv().await.unwrap();
    main.shutdown().await;
    let lines = directory.read("main.jsonl");
    let texts: Vec<&str> = lines.lines().collect();
    assert_eq!(texts.len(), main.log().len());
    assert!(
        texts[0].contains("\"kind\":\"status\",\"text\":\"started as a main-server"),
        "{lines}"
    );
    let message = "\"kind\":\"message\",\"from\":\"/lamp\",\"text\":\"is \\\"anybody\\\" there?\"}";
    assert!(texts.iter().any(|line| line.ends_with(message)), "{lines}");
    assert!(texts.last().unwrap().contains("\"text\":\"stopped\""), "{lines}");
}

#[tokio::test]
async fn a_log_is_stored_by_name_inside_its_directory_only() {
    let (net, directory) = (MemoryNet::default(), Directory::new());
    let main = start(MainServer::builder().log_directory(&directory.0), &net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let stored = text(&lamp, "s.storelog", vec!["monday.jsonl".into()]).await;
    assert_eq!(stored, "the log is stored as monday.jsonl");
    assert!(directory.read("monday.jsonl").contains("lamp joined as a client"));
    let again = run(&lamp, "s.storelog", vec!["monday.jsonl".into()]).await.unwrap_err();
    assert!(matches!(again, TalkError::Failed(_)), "{again}");
    for bad in ["../monday.jsonl", "..", "/tmp/x", "a/b", "a\\b"] {
        let error = run(&lamp, "s.storelog", vec![bad.into()]).await.unwrap_err();
        let kind = RefusalKind::BadArguments;
        assert!(matches!(&error, TalkError::Refused(r) if r.kind == kind), "{bad}: {error}");
    }
    let named = text(&lamp, "s.storelog", vec![]).await;
    let name = named.strip_prefix("the log is stored as ").unwrap();
    assert!(name.starts_with("events-") && !directory.read(name).is_empty(), "{name}");
    let elsewhere = start(MainServer::builder(), &net).await;
    let nowhere = run(&elsewhere, "s.storelog", vec![]).await.unwrap_err();
    assert!(nowhere.to_string().contains("without a directory for logs"), "{nowhere}");
}

#[tokio::test]
async fn a_log_file_that_cannot_be_written_stops_the_start() {
    let (net, directory) = (MemoryNet::default(), Directory::new());
    let builder = MainServer::builder().log_file(directory.0.join("nowhere").join("log"));
    let error = builder.open().in_memory(&net).start().await.unwrap_err();
    assert!(matches!(error, ltn::StartError::LogFile { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn attributes_and_tasks_are_shown_to_admins_only() {
    let net = MemoryNet::default();
    let main = main_server(&net).await;
    let lamp = join(Client::builder("lamp"), &main, &net).await;
    let Value::Map(attributes) = run(&lamp, "s.attributes", vec![]).await.unwrap() else {
        panic!("attributes are a map")
    };
    assert_eq!(attributes["name"], Value::from("Mainserver"));
    assert_eq!(attributes["role"], Value::from("main-server"));
    assert_eq!(attributes["newcomers_may"], Value::from("admin, user"));
    assert_eq!(attributes["limit_lease_seconds"], Value::from(10.0));
    let tasks = text(&lamp, "s.listthreads", vec![]).await;
    for part in ["driver: ", "listener mem:", "link with lamp at ", "1 running", "service Ping: on"]
    {
        assert!(tasks.contains(part), "{part} is not in {tasks}");
    }

    let strict = start(MainServer::builder().newcomers(Permissions::user()), &net).await;
    let guest = join(Client::builder("guest"), &strict, &net).await;
    let commands =
        ["s.attributes", "s.listthreads", "s.errortrace", "s.storelog", "s.services(on)"];
    for command in commands {
        let (name, arguments) = match command.split_once('(') {
            Some((name, _)) => (name, vec!["on".into()]),
            None => (command, vec![]),
        };
        let refused = run(&guest, name, arguments).await.unwrap_err();
        let kind = RefusalKind::NoPermission;
        assert!(matches!(&refused, TalkError::Refused(r) if r.kind == kind), "{refused}");
    }
    let help = text(&guest, "s.help", vec!["server management commands".into()]).await;
    assert!(help.contains("s.services(enable[, service_name]) – "), "{help}");
}
