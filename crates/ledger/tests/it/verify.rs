//! What a verification finds: every edit, removal, insertion and reordering of rows, and nothing in an honest
//! ledger.

use proptest::prelude::*;
use strongroom_ledger::generation::Generation;
use strongroom_ledger::record::{Action, Actor, ActorKind, Outcome, ParseError, Record};
use strongroom_ledger::tree::{Frontier, Hash, leaf_hash};
use strongroom_ledger::verify::{Columns, Finding, Head, Mutation, Verdict, Verification};

/// A row of a ledger; without its record where the payload was dropped.
#[derive(Debug, Clone)]
struct Row {
    seq: u64,
    time: i64,
    application_id: Option<String>,
    collection_id: Option<String>,
    key_id: Option<String>,
    leaf: Hash,
    clear: Option<Vec<u8>>,
}

fn generation(text: &str) -> Generation {
    Generation::parse(text).expect("a generation")
}

/// An honest ledger: an instance, an application, then three collections changed and delivered in turn.
fn records(count: u64) -> Vec<Record> {
    (0..count)
        .map(|seq| {
            let record = |action| {
                let actor = Actor { kind: ActorKind::Embedded, name: "ada".into() };
                let time = 1_795_518_000_000_000 - seq as i64;
                let first = generation("1-abcdefgh");
                Record::new([seq as u8; 16], seq, time, actor, action, Outcome::Ok, first)
            };
            let application = |action| Record {
                application_id: Some("routing".into()),
                application_born: Some("born-app".into()),
                ..record(action)
            };
            // Six rows a round: each of three collections is changed, then delivered.
            let (round, step) = (seq.saturating_sub(2) / 6, seq.saturating_sub(2) % 6);
            let collection = |action| Record {
                collection_id: Some(format!("c{}", step / 2)),
                collection_born: Some(format!("born-{}", step / 2)),
                version: Some(round + 1),
                ..application(action)
            };
            match (seq, step % 2) {
                (0, _) => record(Action::InstanceCreate),
                (1, _) => application(Action::ApplicationCreate),
                (_, 0) => Record {
                    epoch: Some(round + 1),
                    manifest_mac: Some([round as u8; 32]),
                    ..collection(if round == 0 { Action::CollectionCreate } else { Action::CollectionUpdate })
                },
                _ => collection(Action::CollectionDeliver),
            }
        })
        .collect()
}

fn row(record: &Record) -> Row {
    let clear = record.encode().expect("a good record");
    Row {
        seq: record.seq,
        time: record.time,
        application_id: record.application_id.clone(),
        collection_id: record.collection_id.clone(),
        key_id: record.key_id.clone(),
        leaf: leaf_hash(&clear),
        clear: Some(clear),
    }
}

fn rows(count: u64) -> Vec<Row> {
    records(count).iter().map(row).collect()
}

fn head(rows: &[Row]) -> Head {
    let mut frontier = Frontier::new();
    rows.iter().for_each(|row| frontier.append(row.leaf));
    Head { size: rows.len() as u64, frontier, generation: generation("1-abcdefgh") }
}

fn verify(rows: &[Row], head: &Head) -> Result<Verdict, Finding> {
    let mut verification = Verification::new();
    for row in rows {
        verification = match &row.clear {
            Some(clear) => {
                let columns = Columns {
                    seq: row.seq,
                    time: row.time,
                    application_id: row.application_id.as_deref(),
                    collection_id: row.collection_id.as_deref(),
                    key_id: row.key_id.as_deref(),
                    leaf: row.leaf,
                };
                verification.record(&columns, clear)?
            }
            None => verification.leaf(row.seq, row.leaf)?,
        };
    }
    verification.finish(head)
}

/// Changes an honest ledger of 20 rows, whose head stays as it was.
fn check(change: impl FnOnce(&mut Vec<Row>), expected: Finding) {
    let mut rows = rows(20);
    let head = head(&rows);
    change(&mut rows);
    assert_eq!(verify(&rows, &head).err(), Some(expected));
}

/// Changes the records of an honest ledger of 20 rows, and makes rows and head anew: what only a holder of
/// all keys could do.
fn check_forgery(change: impl FnOnce(&mut Vec<Record>), expected: Option<Finding>) {
    let mut records = records(20);
    change(&mut records);
    let rows: Vec<Row> = records.iter().map(row).collect();
    assert_eq!(verify(&rows, &head(&rows)).err(), expected);
}

fn without_records(rows: &mut [Row]) {
    rows.iter_mut().for_each(|row| row.clear = None);
}

#[test]
fn an_honest_ledger_of_any_size_is_clean() {
    for size in 0..70 {
        let mut rows = rows(size);
        let head = head(&rows);
        let verdict = verify(&rows, &head).unwrap_or_else(|finding| panic!("size {size}: {finding}"));
        assert_eq!((verdict.size(), verdict.checked(), verdict.root()), (size, size, head.frontier.root()));
        without_records(&mut rows);
        let verdict = verify(&rows, &head).unwrap_or_else(|finding| panic!("size {size}: {finding}"));
        assert_eq!((verdict.size(), verdict.checked(), verdict.root()), (size, 0, head.frontier.root()));
    }
}

#[test]
fn the_newest_mutation_of_each_collection_is_told() {
    let rows = rows(20);
    let verdict = verify(&rows, &head(&rows)).expect("an honest ledger");
    let told: Vec<_> = verdict
        .mutations()
        .map(|(born, Mutation { seq, action, epoch, manifest_mac, .. })| {
            (born, *seq, action.as_str(), *epoch, manifest_mac.map(|mac| mac[0]))
        })
        .collect();
    let expected = [("born-0", 14), ("born-1", 16), ("born-2", 18)];
    assert_eq!(told, expected.map(|(born, seq)| (born, seq, "collection.update", 3, Some(2))));
}

#[test]
fn a_removed_row_is_missing() {
    for seq in 0..19 {
        check(|rows| drop(rows.remove(seq as usize)), Finding::Missing { seq });
    }
    check(|rows| rows.truncate(19), Finding::Truncated { found: 19, size: 20 });
    check(|rows| rows.clear(), Finding::Truncated { found: 0, size: 20 });
}

#[test]
fn a_row_that_was_put_in_is_found() {
    check(|rows| rows.insert(5, rows[5].clone()), Finding::Repeated { seq: 5 });
    check(|rows| rows.swap(7, 8), Finding::Missing { seq: 7 });
    let further = row(&records(21)[20]);
    check(|rows| rows.push(further), Finding::Surplus { seq: 20 });
}

#[test]
fn rows_renumbered_over_a_removed_one_are_found() {
    let renumber = |rows: &mut Vec<Row>| {
        rows.remove(6);
        rows[6..].iter_mut().for_each(|row| row.seq -= 1);
    };
    check(renumber, Finding::Column { seq: 6, column: "seq" });
    let renumber_unread = |rows: &mut Vec<Row>| {
        renumber(rows);
        without_records(rows);
    };
    check(renumber_unread, Finding::Truncated { found: 19, size: 20 });
}

#[test]
fn rows_that_changed_places_are_found() {
    let exchange = |rows: &mut Vec<Row>| {
        rows.swap(9, 13);
        (rows[9].seq, rows[13].seq) = (9, 13);
    };
    check(exchange, Finding::Column { seq: 9, column: "seq" });
    let exchange_unread = |rows: &mut Vec<Row>| {
        exchange(rows);
        without_records(rows);
    };
    check(exchange_unread, Finding::Unmatched { first: 0, last: 15 });
}

#[test]
fn an_altered_record_or_column_is_found() {
    let other = records(20)[4].encode().expect("a good record");
    check(|rows| rows[11].clear = Some(other), Finding::Altered { seq: 11 });
    check(|rows| rows[11].leaf = Hash([0; 32]), Finding::Altered { seq: 11 });
    check(|rows| rows[11].time += 1, Finding::Column { seq: 11, column: "time" });
    check(|rows| rows[11].application_id = None, Finding::Column { seq: 11, column: "application_id" });
    check(
        |rows| rows[11].collection_id = Some("x".into()),
        Finding::Column { seq: 11, column: "collection_id" },
    );
    check(
        |rows| rows[0].collection_id = Some("x".into()),
        Finding::Column { seq: 0, column: "collection_id" },
    );
    check(|rows| rows[11].key_id = Some("x".into()), Finding::Column { seq: 11, column: "key_id" });
}

#[test]
fn a_key_is_found_under_its_own_id_only() {
    fn check_column(key_id: Option<&str>, expected: Option<Finding>) {
        let mut records = records(20);
        (records[11].action, records[11].key_id) = (Action::KeyRevoke, Some("q7h2".into()));
        let mut rows: Vec<Row> = records.iter().map(row).collect();
        rows[11].key_id = key_id.map(str::to_owned);
        assert_eq!(verify(&rows, &head(&rows)).err(), expected, "{key_id:?}");
    }
    check_column(Some("q7h2"), None);
    check_column(Some("q7h3"), Some(Finding::Column { seq: 11, column: "key_id" }));
    check_column(None, Some(Finding::Column { seq: 11, column: "key_id" }));
}

#[test]
fn an_altered_record_with_its_new_leaf_does_not_fit_the_head() {
    fn check_place(seq: usize, expected: Finding) {
        let change = |rows: &mut Vec<Row>| {
            rows[seq] = row(&Record { outcome: Outcome::Refused, ..records(20)[seq].clone() });
        };
        check(change, expected);
    }
    // 20 = 16 + 4: the head's frontier tells two subtrees apart.
    check_place(0, Finding::Unmatched { first: 0, last: 15 });
    check_place(15, Finding::Unmatched { first: 0, last: 15 });
    check_place(16, Finding::Unmatched { first: 16, last: 19 });
    check_place(19, Finding::Unmatched { first: 16, last: 19 });
}

#[test]
fn a_record_that_cannot_be_read_is_named_even_with_its_leaf() {
    let change = |rows: &mut Vec<Row>| {
        let newer = vec![2; 40];
        (rows[3].leaf, rows[3].clear) = (leaf_hash(&newer), Some(newer));
    };
    check(change, Finding::Unreadable { seq: 3, source: ParseError::Version(2) });
}

#[test]
fn a_head_that_contradicts_itself_or_the_records_is_found() {
    fn check_head(change: impl FnOnce(&mut Head), expected: Finding) {
        let rows = rows(20);
        let mut head = head(&rows);
        change(&mut head);
        assert_eq!(verify(&rows, &head).err(), Some(expected));
    }
    check_head(|head| head.size = 19, Finding::Head);
    check_head(|head| head.frontier.append(Hash([0; 32])), Finding::Head);
    check_head(
        |head| {
            head.size = 21;
            head.frontier.append(Hash([0; 32]));
        },
        Finding::Truncated { found: 20, size: 21 },
    );
    check_head(|head| head.generation = generation("2-abcdefgh"), Finding::Generation { seq: 19 });
    check_head(|head| head.generation = generation("1-aaaaaaaa"), Finding::Generation { seq: 19 });
}

#[test]
fn generations_follow_each_other() {
    fn check_generations(texts: [&str; 3], expected: Option<Finding>) {
        let mut records = records(3);
        for (record, text) in records.iter_mut().zip(texts) {
            record.generation = generation(text);
        }
        let rows: Vec<Row> = records.iter().map(row).collect();
        let head = Head { generation: generation(texts[2]), ..head(&rows) };
        assert_eq!(verify(&rows, &head).err(), expected, "{texts:?}");
    }
    check_generations(["1-aaaaaaaa", "1-aaaaaaaa", "1-aaaaaaaa"], None);
    check_generations(["1-aaaaaaaa", "2-bbbbbbbb", "2-bbbbbbbb"], None);
    check_generations(["1-aaaaaaaa", "1-aaaaaaaa", "9-bbbbbbbb"], None);
    check_generations(["1-aaaaaaaa", "1-bbbbbbbb", "1-bbbbbbbb"], Some(Finding::Generation { seq: 1 }));
    check_generations(["1-aaaaaaaa", "2-bbbbbbbb", "1-aaaaaaaa"], Some(Finding::Generation { seq: 2 }));
}

#[test]
fn epochs_of_a_collection_rise_by_one() {
    // Records 2, 8 and 14 change `born-0` to epochs 1, 2 and 3.
    let finding = |seq, after, epoch| Some(Finding::Epoch { seq, after, epoch });
    check_forgery(|_| {}, None);
    check_forgery(|records| records[2].epoch = Some(2), finding(2, 0, 2));
    check_forgery(|records| records[2].epoch = Some(0), finding(2, 0, 0));
    check_forgery(|records| records[8].epoch = Some(1), finding(8, 1, 1));
    check_forgery(|records| records[8].epoch = Some(3), finding(8, 1, 3));
    check_forgery(|records| records[14].epoch = Some(u64::MAX), finding(14, 2, u64::MAX));
    check_forgery(|records| records[14].collection_born = Some("born-9".into()), finding(14, 0, 3));
    let leave_out_the_mutation = |records: &mut Vec<Record>| {
        (records[8].epoch, records[8].manifest_mac) = (None, None);
    };
    check_forgery(leave_out_the_mutation, finding(14, 1, 3));
}

#[test]
fn what_is_handed_out_names_the_newest_epoch() {
    // Record 8 changed `born-0` to epoch 2; record 9 is made a delivery of it.
    let deliver = |epoch, manifest: u8| {
        move |records: &mut Vec<Record>| {
            let changed = records[8].clone();
            let delivery = &mut records[9];
            delivery.action = Action::CollectionDeliver;
            delivery.collection_id = changed.collection_id;
            delivery.collection_born = changed.collection_born;
            delivery.epoch = Some(epoch);
            delivery.manifest_mac =
                changed.manifest_mac.map(|mac| if manifest == 0 { mac } else { [manifest; 32] });
        }
    };
    let finding = |epoch| Some(Finding::Epoch { seq: 9, after: 2, epoch });
    check_forgery(deliver(2, 0), None);
    check_forgery(deliver(1, 0), finding(1));
    check_forgery(deliver(3, 0), finding(3));
    check_forgery(deliver(2, 9), finding(2));
}

#[test]
fn dropped_payloads_excuse_as_many_epochs_as_rows_and_no_more() {
    fn check_dropped(dropped: &[usize], epoch: u64, expected: Option<Finding>) {
        let mut records = records(20);
        records[14].epoch = Some(epoch);
        let mut rows: Vec<Row> = records.iter().map(row).collect();
        let head = head(&rows);
        dropped.iter().for_each(|seq| rows[*seq].clear = None);
        assert_eq!(verify(&rows, &head).err(), expected, "{dropped:?}, epoch {epoch}");
    }
    let finding = |after, epoch| Some(Finding::Epoch { seq: 14, after, epoch });
    check_dropped(&[2], 3, None);
    check_dropped(&[8], 3, None);
    check_dropped(&[8], 4, finding(1, 4));
    check_dropped(&[8, 9], 4, None);
    check_dropped(&[2, 8], 3, None);
    check_dropped(&[2, 8], 4, finding(0, 4));
    // What was dropped before the last known mutation, or after this one, excuses nothing.
    check_dropped(&[3, 5], 4, finding(2, 4));
    check_dropped(&[15], 4, finding(2, 4));
}

proptest! {
    #[test]
    fn any_removed_edited_or_moved_row_is_found_where_it_is(
        size in 1..60u64,
        place in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        kind in 0..4,
        read in any::<bool>(),
    ) {
        let mut rows = rows(size);
        let head = head(&rows);
        let (place, other) = (place.index(rows.len()), other.index(rows.len()));
        prop_assume!(kind != 3 || place != other);
        let first = place.min(if kind == 3 { other } else { place }) as u64;
        match kind {
            0 => drop(rows.remove(place)),
            1 => rows[place].leaf.0[place % 32] ^= 1,
            2 => rows.insert(place, rows[place].clone()),
            _ => rows.swap(place, other),
        }
        if !read {
            without_records(&mut rows);
        }
        match verify(&rows, &head).expect_err("the ledger was changed") {
            Finding::Unmatched { first: from, last } => prop_assert!(!read && (from..=last).contains(&first)),
            Finding::Missing { seq } | Finding::Repeated { seq } | Finding::Altered { seq } => {
                prop_assert_eq!(seq, first)
            }
            Finding::Truncated { found, .. } => prop_assert_eq!(found, first),
            finding => prop_assert!(false, "{:?}", finding),
        }
    }
}
