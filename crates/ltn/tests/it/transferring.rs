//! Things of any size between programs: offered, taken or refused, counted, acknowledged.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]

use std::pin::Pin;
use std::task::{Context, Poll};

use ltn::{
    Data, DataKind, RefusalKind, Session, StreamError, TalkError, Target, TransferError, Value,
};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::support::{client, join, main_server, network, patiently, soon, sub_server};

const MIB: u64 = 1024 * 1024;

/// So many bytes, made while they are read: nobody has to hold them.
struct Row {
    made: u64,
    bytes: u64,
}

impl AsyncRead for Row {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let count = (self.bytes - self.made).min(into.remaining() as u64).min(4_096);
        let first = self.made;
        into.put_slice(&(first..first + count).map(|n| (n / 5) as u8).collect::<Vec<_>>());
        self.made += count;
        Poll::Ready(Ok(()))
    }
}

fn row(bytes: u64) -> Row {
    Row { made: 0, bytes }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn send_data_of_100_mib_arrives_intact_with_progress_at_both_ends_while_questions_go_on() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let low = client("low", &sub1).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let mut incoming = low.incoming_transfers().unwrap();
    assert!(low.incoming_transfers().is_none());
    let receiver = tokio::spawn(async move {
        let transfer = incoming.recv().await.unwrap();
        let said = (transfer.from(), transfer.kind(), transfer.size());
        assert_eq!(transfer.name(), Some("a row"));
        let progress = transfer.progress();
        // Nothing of it is kept.
        let receipt = transfer.write_to(&mut tokio::io::sink(), 100 * MIB).await.unwrap();
        (said, receipt, *progress.borrow())
    });
    let data = Data::reader(row(100 * MIB), Some(100 * MIB)).named("a row");
    let sending = main.start_sending("/sub1/low", data).unwrap();
    let mut progress = sending.progress();
    let half = progress.wait_for(|progress| progress.bytes >= 50 * MIB);
    assert_eq!(patiently(half).await.unwrap().total, Some(100 * MIB));
    soon(low.request(Target::Root, "SERVERDATA", ())).await.unwrap();
    let receipt = patiently(sending.finished()).await.unwrap();
    let (said, taken, counted) = soon(receiver).await.unwrap();
    assert_eq!(said, (main.id(), DataKind::Bytes, Some(100 * MIB)));
    assert_eq!((receipt, receipt.bytes, counted.bytes), (taken, 100 * MIB, 100 * MIB));
    let mut whole = Vec::new();
    row(100 * MIB).read_to_end(&mut whole).await.unwrap();
    assert_eq!(receipt.digest_hex(), blake3::hash(&whole).to_hex().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_larger_than_a_message_goes_as_data_and_send_says_so() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let value = Value::List((0..300_000).map(Value::from).collect());
    let refused = soon(main.send("/lamp", value.clone())).await.unwrap_err();
    let TalkError::Refused(refusal) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.kind, RefusalKind::TooLarge);
    assert!(refusal.text.contains("send_data"), "{refusal}");

    let mut incoming = lamp.incoming_transfers().unwrap();
    let sent = value.clone();
    let sender = tokio::spawn(async move { main.send_data("/lamp", sent).await });
    let transfer = soon(incoming.recv()).await.unwrap();
    assert_eq!(transfer.kind(), DataKind::Value);
    assert_eq!(soon(transfer.into_value(4_000_000)).await.unwrap(), value);
    soon(sender).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_wanted_is_refused_before_a_byte_of_it_is_read() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let nobody = soon(main.send_data("/lamp", vec![1; 10])).await.unwrap_err();
    let TransferError::Stream(StreamError::Refused(refusal)) = nobody else { panic!("{nobody:?}") };
    assert!(refusal.text.contains("takes no transfers"), "{refusal}");

    let mut incoming = lamp.incoming_transfers().unwrap();
    let receiver = tokio::spawn(async move {
        incoming.recv().await.unwrap().refuse("not today").await;
        let large = incoming.recv().await.unwrap();
        let refused = large.into_bytes(1_000).await.unwrap_err();
        assert!(matches!(refused, TransferError::Refused(_)), "{refused:?}");
        // Who does not say how large it is gets as far as the maximum.
        let endless = incoming.recv().await.unwrap();
        let refused = endless.into_bytes(1_000).await.unwrap_err();
        assert!(matches!(refused, TransferError::Refused(_)), "{refused:?}");
        let value = incoming.recv().await.unwrap();
        assert!(value.into_value(1_000).await.is_err(), "bytes are no value");
    });
    let mut why = Vec::new();
    for size in [Some(10), Some(MIB), None, Some(10)] {
        let data = Data::reader(row(MIB.min(size.unwrap_or(MIB))), size);
        why.push(soon(main.send_data("/lamp", data)).await.unwrap_err().to_string());
    }
    assert!(why[0].contains("not today"), "{why:?}");
    assert!(why[1].contains("at most 1000"), "{why:?}");
    assert!(why[2].contains("/lamp") && why[2].contains("at most 1000"), "{why:?}");
    assert!(why[3].contains("a value is wanted"), "{why:?}");
    soon(receiver).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_is_given_up_fails_at_both_ends_with_the_reason() {
    let main = main_server().await;
    let sub1 = sub_server("sub1", &main).await;
    let low = client("low", &sub1).await;
    network(&main, |nodes| nodes.len() == 3).await;
    let mut incoming = main.incoming_transfers().unwrap();
    let mut sending = low.start_sending(Target::Root, Data::reader(row(u64::MAX), None)).unwrap();
    let transfer = soon(incoming.recv()).await.unwrap();
    let mut progress = transfer.progress();
    let receiver = tokio::spawn(async move {
        transfer.write_to(&mut tokio::io::sink(), u64::MAX).await.unwrap_err().to_string()
    });
    soon(progress.wait_for(|progress| progress.bytes > MIB)).await.unwrap();
    sending.abort("the cat sits on it");
    let near = soon(sending.finished()).await.unwrap_err();
    assert_eq!(near, TransferError::GivenUp("the cat sits on it".to_owned()));
    let far = soon(receiver).await.unwrap();
    assert!(far.contains("/sub1/low") && far.contains("the cat sits on it"), "{far}");

    // And the other way round: the receiver's reason comes back while the sender still sends.
    let mut receivers = low.incoming_transfers().unwrap();
    let sending = main.start_sending("/sub1/low", Data::reader(row(u64::MAX), None)).unwrap();
    let transfer = soon(receivers.recv()).await.unwrap();
    let mut full = Vec::new();
    let most = 3 * MIB;
    let near = soon(transfer.write_to(&mut full, most)).await.unwrap_err();
    assert!(full.len() as u64 <= most, "{near}");
    let far = soon(sending.finished()).await.unwrap_err().to_string();
    assert!(far.contains("/sub1/low") && far.contains("at most"), "{far}");

    // One that is dropped is given up too.
    drop(low.start_sending(Target::Root, Data::reader(row(u64::MAX), None)).unwrap());
    let sending = low.start_sending(Target::Root, Data::reader(row(u64::MAX), None)).unwrap();
    let transfer = soon(incoming.recv()).await.unwrap();
    drop(sending);
    assert!(soon(transfer.into_bytes(usize::MAX)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_of_another_size_than_announced_is_no_success() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let mut incoming = lamp.incoming_transfers().unwrap();
    for (real, announced) in [(10, 20), (20, 10)] {
        let data = Data::reader(row(real), Some(announced));
        let sending = main.start_sending("/lamp", data).unwrap();
        let transfer = soon(incoming.recv()).await.unwrap();
        let receiver = tokio::spawn(transfer.into_bytes(1_000));
        let error = soon(sending.finished()).await.unwrap_err();
        assert!(matches!(error, TransferError::Source(_)), "{error:?}");
        assert!(soon(receiver).await.unwrap().is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_saved_under_safe_names_and_replace_nothing() {
    let main = main_server().await;
    let lamp = client("lamp", &main).await;
    let mut incoming = lamp.incoming_transfers().unwrap();
    let outside = folder_of_its_own();
    let folder = outside.join("in");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("note.txt"), "mine").unwrap();
    let into = folder.clone();
    let receiver = tokio::spawn(async move {
        let mut saved = Vec::new();
        for _ in 0..3 {
            let transfer = incoming.recv().await.unwrap();
            saved.push(transfer.save_in(&into, 1_000).await);
        }
        saved
    });
    // A visitor can send, too.
    let visitor = Session::builder().open().start().await.unwrap();
    join(&visitor, &main).await;
    for (sender, name) in [(&main, "note.txt"), (&visitor, "../../note.txt"), (&main, "broken")] {
        let data = match name {
            "broken" => Data::reader(row(10), Some(20)),
            _ => Data::from(b"theirs".to_vec()),
        };
        let sent = soon(sender.send_data("/lamp", data.named(name))).await;
        assert_eq!(sent.is_ok(), name != "broken", "{sent:?}");
    }
    let saved = soon(receiver).await.unwrap();
    assert!(saved[2].is_err());
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["_.._note.txt", "note (2).txt", "note.txt"]);
    assert_eq!(std::fs::read(folder.join("note.txt")).unwrap(), b"mine");
    assert_eq!(std::fs::read(folder.join("note (2).txt")).unwrap(), b"theirs");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    std::fs::remove_dir_all(&outside).unwrap();
}

/// A folder of this test's own.
fn folder_of_its_own() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("ltn-transfers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
