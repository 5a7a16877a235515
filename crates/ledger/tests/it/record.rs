//! The bytes of records: known answers, refusals, and the laws that hold for all of them.

use proptest::prelude::*;
use serde_json::Value;
use strongroom_ledger::generation::{Generation, Receipt};
use strongroom_ledger::record::{
    Action, Actor, ActorKind, EncodeError, Outcome, ParseError, Record, RunClaim, RunEnd, RunRefusal,
};
use strongroom_ledger::tree::leaf_hash;

use crate::vectors;

fn sample() -> Record {
    let actor = Actor { kind: ActorKind::Embedded, name: "ada".into() };
    let generation = Generation::first(*b"fooba");
    Record::new([7; 16], 0, 0, actor, Action::CollectionDeliver, Outcome::Ok, generation)
}

#[test]
fn every_known_record_says_what_it_says() {
    let file = vectors::read("records");
    for case in vectors::list(&file, "records") {
        let bytes = vectors::hex(case, "record");
        let record = Record::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
        compare_fields(case, &record);
        assert_eq!(record.encode().as_deref(), Ok(&bytes[..]), "{}", case["name"]);
        assert_eq!(leaf_hash(&bytes).to_string(), vectors::text(case, "leaf"), "{}", case["name"]);
    }
}

fn compare_fields(case: &Value, record: &Record) {
    let fields = case["fields"].as_object().expect("fields");
    let text = |name: &str| fields.get(name).map(|value| value.as_str().expect("a text"));
    let number = |name: &str| fields.get(name).map(|value| value.as_u64().expect("a number"));
    let run = |part: fn(&RunClaim) -> &str| record.run.as_ref().map(part);

    assert_eq!(record.blind, vectors::array(case, "blind"));
    assert_eq!(Some(record.seq), number("seq"));
    assert_eq!(Some(record.time), fields["time"].as_i64());
    assert_eq!(Some(record.actor.kind.as_str()), text("actor_kind"));
    assert_eq!(Some(record.actor.name.as_str()), text("actor_name"));
    assert_eq!(record.source.as_deref(), text("source"));
    assert_eq!(Some(record.action.as_str()), text("action"));
    assert_eq!(record.application_id.as_deref(), text("application_id"));
    assert_eq!(record.application_born.as_deref(), text("application_born"));
    assert_eq!(record.collection_id.as_deref(), text("collection_id"));
    assert_eq!(record.collection_born.as_deref(), text("collection_born"));
    assert_eq!(record.version, number("version"));
    assert_eq!(Some(record.outcome.as_str()), text("outcome"));
    assert_eq!(record.rule.as_deref(), text("rule"));
    assert_eq!(record.request_id.as_deref(), text("request_id"));
    assert_eq!(record.epoch, number("epoch"));
    let manifest = fields.get("manifest_mac").map(|_| vectors::array(&case["fields"], "manifest_mac"));
    assert_eq!(record.manifest_mac, manifest);
    assert_eq!(record.authority_size, number("authority_size"));
    assert_eq!(Some(record.generation.to_string().as_str()), text("generation"));
    assert_eq!(run(RunClaim::host), text("run_host"));
    assert_eq!(run(RunClaim::user), text("run_user"));
    assert_eq!(run(RunClaim::command), text("run_command"));
    assert_eq!(record.end.map(|end| end.to_string()).as_deref(), text("end"));
    assert_eq!(record.receipt.map(|receipt| receipt.to_string()).as_deref(), text("receipt"));
    assert_eq!(record.key_id.as_deref(), text("key_id"));
    let grant = fields.get("grant_commitment").map(|_| vectors::array(&case["fields"], "grant_commitment"));
    assert_eq!(record.grant_commitment, grant);
}

#[test]
fn known_words_are_known_and_newer_ones_are_kept_apart() {
    let file = vectors::read("records");
    let actions: Vec<Action> = vectors::list(&file, "records")
        .iter()
        .map(|case| Record::parse(&vectors::hex(case, "record")).expect("a known record").action)
        .collect();
    for known in [
        (Action::InstanceCreate, "instance.create"),
        (Action::ApplicationCreate, "application.create"),
        (Action::ApplicationUpdate, "application.update"),
        (Action::ApplicationDelete, "application.delete"),
        (Action::ApplicationRestore, "application.restore"),
        (Action::CollectionCreate, "collection.create"),
        (Action::CollectionUpdate, "collection.update"),
        (Action::CollectionDelete, "collection.delete"),
        (Action::CollectionRollback, "collection.rollback"),
        (Action::CollectionRestore, "collection.restore"),
        (Action::CollectionDeliver, "collection.deliver"),
        (Action::CollectionReveal, "collection.reveal"),
        (Action::KeyCreate, "key.create"),
        (Action::KeyRevoke, "key.revoke"),
        (Action::RunEnd, "run.end"),
    ] {
        assert_eq!(known.0.as_str(), known.1);
        let bytes = Record { action: known.0.clone(), ..sample() }.encode().expect("a good record");
        assert_eq!(Record::parse(&bytes).expect("a good record").action, known.0);
    }
    for known in [(ActorKind::Embedded, "embedded"), (ActorKind::Key, "key")] {
        assert_eq!(known.0.as_str(), known.1);
    }
    let newer: Vec<&Action> = actions.iter().filter(|action| matches!(action, Action::Newer(_))).collect();
    assert_eq!(newer.iter().map(|action| action.as_str()).collect::<Vec<_>>(), ["collection.lease"]);
}

#[test]
fn bytes_that_are_no_record_are_refused() {
    let file = vectors::read("records");
    let cases = vectors::list(&file, "refused");
    for case in cases {
        let error = match Record::parse(&vectors::hex(case, "record")) {
            Ok(_) => panic!("accepted: {}", case["why"]),
            Err(ParseError::Version(_)) => "version",
            Err(ParseError::Damaged { .. }) => "damaged",
            Err(ParseError::Field(field)) => field,
        };
        assert_eq!(error, vectors::text(case, "error"), "{}", case["why"]);
    }
}

#[test]
fn damage_is_found_where_it_is() {
    fn check(bytes: &[u8], expected: ParseError) {
        assert_eq!(Record::parse(bytes), Err(expected));
    }
    let good = sample().encode().expect("a good record");
    let end = good.len();
    check(&[], ParseError::Damaged { at: 0 });
    check(&[9], ParseError::Version(9));
    check(&good[..12], ParseError::Damaged { at: 12 });
    check(&[&good[..], &[200, 0]].concat(), ParseError::Damaged { at: end });
    check(&[&good[..], &[200, 0, 0, 200, 0, 0]].concat(), ParseError::Damaged { at: end + 3 });
}

#[test]
fn text_that_could_trick_a_reader_is_not_written() {
    type Place = (&'static str, fn(&mut Record) -> &mut String);
    const PLACES: [Place; 9] = [
        ("actor_name", |record| &mut record.actor.name),
        ("source", |record| record.source.get_or_insert_default()),
        ("application_id", |record| record.application_id.get_or_insert_default()),
        ("application_born", |record| record.application_born.get_or_insert_default()),
        ("collection_id", |record| record.collection_id.get_or_insert_default()),
        ("collection_born", |record| record.collection_born.get_or_insert_default()),
        ("rule", |record| record.rule.get_or_insert_default()),
        ("request_id", |record| record.request_id.get_or_insert_default()),
        ("key_id", |record| record.key_id.get_or_insert_default()),
    ];
    fn check(text: &str, accepted: bool) {
        for (field, place) in PLACES {
            let mut record = sample();
            *place(&mut record) = text.to_owned();
            let refusal = (!accepted).then_some(EncodeError::Text { field });
            assert_eq!(record.encode().err(), refusal, "{text:?} in {field}");
        }
    }
    check("solver-licence", true);
    check("caf\u{e9}", true);
    check(&"a".repeat(255), true);
    check("", false);
    check(&"a".repeat(256), false);
    check("a\nb", false);
    check("a\rb", false);
    check("a\0b", false);
    check("\u{1b}[31m", false);
    check("\u{7f}", false);
    check("\u{85}", false);
    check("\u{9b}31m", false);
    check("\u{202e}", false);
    check("\u{2066}", false);
    check("\u{2028}", false);
    check("\u{200b}", false);
    check("\u{feff}", false);
    check("\u{e0041}", false);
}

#[test]
fn a_mutation_says_of_what_and_when() {
    fn check(record: Record, expected: Option<EncodeError>) {
        assert_eq!(record.encode().err(), expected);
    }
    let born = Some("p5t6n2rwy7bd".to_owned());
    let whole = Record { collection_born: born, epoch: Some(1), manifest_mac: Some([0; 32]), ..sample() };
    check(whole.clone(), None);
    let missing = |field| Some(EncodeError::Missing { field });
    check(Record { collection_born: None, ..whole.clone() }, missing("collection_born"));
    check(Record { epoch: None, ..whole }, missing("epoch"));
}

#[test]
fn an_end_says_of_which_run_and_a_grant_of_which_key() {
    fn check(record: Record, expected: Option<EncodeError>) {
        assert_eq!(record.encode().err(), expected);
    }
    let missing = |field| Some(EncodeError::Missing { field });
    let receipt = Receipt::parse("1-mzxw6ytb.0.42").ok();
    let end = Record { end: Some(RunEnd::Exit(0)), receipt, ..sample() };
    check(end.clone(), None);
    check(Record { end: None, ..end.clone() }, None);
    check(Record { receipt: None, ..end }, missing("receipt"));
    let grant = Record { key_id: Some("q7h2".into()), grant_commitment: Some([0; 32]), ..sample() };
    check(grant.clone(), None);
    check(Record { grant_commitment: None, ..grant.clone() }, None);
    check(Record { key_id: None, ..grant }, missing("key_id"));
}

#[test]
fn a_signal_that_does_not_exist_is_not_written() {
    let receipt = Receipt::parse("1-mzxw6ytb.0.42").ok();
    for signal in 0..=u8::MAX {
        let record = Record { end: Some(RunEnd::Signal(signal)), receipt, ..sample() };
        let refusal = (!(1..=64).contains(&signal)).then_some(EncodeError::Signal { signal });
        assert_eq!(record.encode().err(), refusal);
    }
}

#[test]
fn a_record_of_4096_bytes_is_the_largest() {
    let good = sample().encode().expect("a good record");
    let room = Record::MAX_BYTES - good.len() - 3;
    let filled = |room: usize| {
        let length = u16::try_from(room).expect("below 4096").to_be_bytes();
        [&good[..], &[200], &length, &vec![b'x'; room]].concat()
    };
    let largest = Record::parse(&filled(room)).expect("exactly 4096 bytes");
    assert_eq!(largest.encode().map(|bytes| bytes.len()), Ok(Record::MAX_BYTES));
    assert_eq!(Record::parse(&filled(room + 1)), Err(ParseError::Damaged { at: Record::MAX_BYTES }));
    let larger = Record { rule: Some("x".into()), ..largest };
    assert_eq!(larger.encode(), Err(EncodeError::TooLarge { size: Record::MAX_BYTES + 4 }));
}

#[test]
fn the_fullest_record_fits() {
    let text = || Some("t".repeat(255));
    let byte = [0xff; 99];
    let record = Record {
        actor: Actor { kind: ActorKind::Embedded, name: "t".repeat(255) },
        source: text(),
        application_id: text(),
        application_born: text(),
        collection_id: text(),
        collection_born: text(),
        version: Some(1),
        rule: text(),
        request_id: text(),
        epoch: Some(1),
        manifest_mac: Some([0; 32]),
        authority_size: Some(1),
        run: Some(RunClaim::quote(byte, byte, byte)),
        end: Some(RunEnd::Refused(RunRefusal::Namespace)),
        receipt: Receipt::parse("4294967295-77777777.4294967295.18446744073709551615").ok(),
        key_id: text(),
        grant_commitment: Some([0; 32]),
        ..sample()
    };
    assert!(record.encode().is_ok());
}

#[test]
fn an_error_names_the_field_and_not_what_was_in_it() {
    let record = Record { source: Some("hunter2\n".into()), ..sample() };
    let error = record.encode().expect_err("a line break");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(error.to_string().starts_with("source of an audit record"));
}

pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    let text = || prop::option::of("[a-zA-Z0-9._\u{e9}-]{1,80}");
    let number = || prop::option::of(any::<u64>());
    let action = prop::sample::select(vec![
        Action::InstanceCreate,
        Action::ApplicationDelete,
        Action::CollectionUpdate,
        Action::CollectionDeliver,
    ]);
    let claim = any::<[Vec<u8>; 3]>().prop_map(|[host, user, command]| RunClaim::quote(host, user, command));
    let always = (
        any::<[u8; 16]>(),
        any::<u64>(),
        any::<i64>(),
        "[a-z]{1,20}",
        action,
        any::<[u8; 5]>(),
        any::<bool>(),
    );
    let texts = (text(), text(), text(), text(), text(), text());
    let mutation = prop::option::of(("[a-z2-7]{12}", any::<u64>(), prop::option::of(any::<[u8; 32]>())));
    let key = prop::option::of(("[a-z0-9]{12}", prop::option::of(any::<[u8; 32]>())));
    let run = (prop::option::of(claim), prop::option::of((any_end(), any::<(u32, u64)>())));
    (always, texts, number(), number(), mutation, run, key).prop_map(
        |(always, texts, version, authority_size, mutation, (run, end), key)| {
            let (blind, seq, time, name, action, random, ok) = always;
            let actor = Actor { kind: if ok { ActorKind::Key } else { ActorKind::Embedded }, name };
            let outcome = if ok { Outcome::Ok } else { Outcome::Refused };
            let generation = Generation::first(random);
            let (source, application_id, application_born, collection_id, rule, request_id) = texts;
            Record {
                source,
                application_id,
                application_born,
                collection_id,
                collection_born: mutation.as_ref().map(|(born, ..)| born.clone()),
                version,
                rule,
                request_id,
                epoch: mutation.as_ref().map(|(_, epoch, _)| *epoch),
                manifest_mac: mutation.and_then(|(_, _, mac)| mac),
                authority_size,
                run,
                end: end.map(|(end, _)| end),
                receipt: end.map(|(_, (ledger, seq))| Receipt { generation, ledger, seq }),
                key_id: key.as_ref().map(|(id, _)| id.clone()),
                grant_commitment: key.and_then(|(_, commitment)| commitment),
                ..Record::new(blind, seq, time, actor, action, outcome, generation)
            }
        },
    )
}

fn any_end() -> impl Strategy<Value = RunEnd> {
    prop_oneof![
        any::<u8>().prop_map(RunEnd::Exit),
        (1..=64u8).prop_map(RunEnd::Signal),
        Just(RunEnd::Refused(RunRefusal::Exec)),
    ]
}

proptest! {
    #[test]
    fn a_record_reads_back_as_it_was_written(record in any_record()) {
        let bytes = record.encode().expect("a good record");
        prop_assert_eq!(Record::parse(&bytes), Ok(record));
    }

    #[test]
    fn a_changed_byte_never_goes_unnoticed(
        record in any_record(),
        place in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let bytes = record.encode().expect("a good record");
        let mut changed = bytes.clone();
        changed[place.index(bytes.len())] ^= flip;
        prop_assert_ne!(leaf_hash(&changed), leaf_hash(&bytes));
        // Nor may two spellings mean one record: then a changed record could pass for the same one.
        if let Ok(other) = Record::parse(&changed) {
            prop_assert_ne!(&other, &record);
            prop_assert_eq!(other.encode(), Ok(changed));
        }
    }

    #[test]
    fn a_record_cut_anywhere_is_not_the_same_record(
        record in any_record(),
        place in any::<prop::sample::Index>(),
    ) {
        let bytes = record.encode().expect("a good record");
        let cut = Record::parse(&bytes[..place.index(bytes.len())]);
        // Cut between fields, it may lack nothing but what is optional.
        if let Ok(shorter) = cut {
            prop_assert_ne!(shorter, record);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_written_again_as_they_were(
        fields in prop::collection::vec((1..40u8, prop::collection::vec(any::<u8>(), 0..12)), 0..12)
    ) {
        let mut bytes = sample().encode().expect("a good record");
        for (number, content) in fields {
            bytes.push(number);
            bytes.extend_from_slice(&(content.len() as u16).to_be_bytes());
            bytes.extend_from_slice(&content);
        }
        if let Ok(record) = Record::parse(&bytes) {
            prop_assert_eq!(record.encode(), Ok(bytes));
        }
    }
}
