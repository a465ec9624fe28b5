//! Archives through the native host: a file that is whole or refused, and a database that is whole or empty.

use std::io::{self, Read, Write};

use cu_db::{Database, Error, Index};

/// A database with something of everything, and its archive.
fn sample() -> (Database, Vec<u8>) {
    let database = Database::in_memory().unwrap();
    database
        .eval::<()>(
            "_home.t = {} for i = 1, 5 do _home.t[i] = {n = i, s = 'text ' .. i} end",
            (),
        )
        .unwrap();
    database.create_index("t", &Index::on(["n", "s"])).unwrap();
    let counter = "local n = 0 return function() n = n + 1 return n end";
    database.persist_function("tools", "next", counter).unwrap();
    let mut file = Vec::new();
    database.export_archive(&mut file, |_| {}).unwrap();
    (database, file)
}

fn is_empty(database: &Database) -> bool {
    database.digest().unwrap() == Database::in_memory().unwrap().digest().unwrap()
        && database.tables().unwrap().is_empty()
}

#[test]
fn a_restored_database_is_the_archived_one() {
    let (database, file) = sample();
    let copy = Database::in_memory().unwrap();
    let mut heard = Vec::new();
    let info = copy
        .import_archive(&file[..], |done| heard.push(done))
        .unwrap();
    assert_eq!(info.digest, database.digest().unwrap());
    assert_eq!(copy.digest().unwrap(), info.digest);
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (heard[0].entries, heard[0].bytes),
        (info.entries, info.bytes)
    );
    for database in [&database, &copy] {
        assert_eq!(
            database.call_function::<u32>("tools", "next", ()).unwrap(),
            1
        );
    }
    assert_eq!(copy.digest().unwrap(), database.digest().unwrap());
}

#[test]
fn an_archive_shows_one_moment_while_others_write() {
    let database = Database::in_memory().unwrap();
    let text = "x".repeat(200_000);
    for number in 0..40 {
        database.put("t", number, &text).unwrap();
    }
    let before = database.digest().unwrap();
    let mut file = Vec::new();
    let mut pages = 0;
    let info = database
        .export_archive(&mut file, |_| {
            pages += 1;
            database.put("t", 100 + pages, "later").unwrap();
            assert!(database.delete("t", 40 - pages).unwrap());
        })
        .unwrap();
    assert!(pages > 5, "{pages}");
    assert_eq!(info.digest, before);
    let copy = Database::in_memory().unwrap();
    copy.import_archive(&file[..], |_| {}).unwrap();
    assert_eq!(copy.digest().unwrap(), before);
    assert_ne!(database.digest().unwrap(), before);
}

#[test]
fn a_flipped_bit_anywhere_is_found_or_does_not_matter() {
    let (database, file) = sample();
    let digest = database.digest().unwrap();
    let copy = Database::in_memory().unwrap();
    let mut harmless = 0;
    for place in 0..file.len() {
        let mut damaged = file.clone();
        damaged[place] ^= 1 << (place % 8);
        match copy.import_archive(&damaged[..], |_| {}) {
            Ok(info) => {
                // The date and the system in gzip's header, and the bits that fill up its last byte of data, which nobody
                // reads.
                assert_eq!((info.digest, copy.digest().unwrap()), (digest, digest));
                let fill = file.len() - 9;
                assert!((8..18).contains(&place) || place == fill, "{place}");
                harmless += 1;
                copy.drop_table("t").unwrap();
                copy.drop_table("tools").unwrap();
            }
            Err(error) => {
                let code = error.code();
                assert!(
                    matches!(code, "corrupt" | "unsupported-format"),
                    "{place}: {error}"
                );
                assert!(copy.tables().unwrap().is_empty(), "{place}");
            }
        }
    }
    assert!(harmless < 11, "{harmless}");
}

#[test]
fn a_file_that_is_cut_short_is_refused_at_every_length() {
    let (_, file) = sample();
    let copy = Database::in_memory().unwrap();
    for length in 0..file.len() {
        let error = copy.import_archive(&file[..length], |_| {}).unwrap_err();
        let expected = if length < 8 {
            "unsupported-format"
        } else {
            "corrupt"
        };
        assert_eq!(error.code(), expected, "{length}: {error}");
        assert_eq!(error.place(), Some("archive"));
    }
    assert!(is_empty(&copy));
    let longer = [&file[..], b"more"].concat();
    let error = copy.import_archive(&longer[..], |_| {}).unwrap_err();
    assert!(error.to_string().contains("follows its end"), "{error}");
    assert!(is_empty(&copy));
}

#[test]
fn foreign_files_and_newer_versions_are_told_apart() {
    let (_, file) = sample();
    let copy = Database::in_memory().unwrap();
    let import = |file: &[u8]| copy.import_archive(file, |_| {}).unwrap_err();
    let foreign = import(b"PK\x03\x04 something else, and longer than a head");
    assert_eq!(foreign.code(), "unsupported-format");
    assert!(
        foreign.to_string().contains("no archive of Cu"),
        "{foreign}"
    );
    let mut newer = file;
    newer[7] = 2;
    let newer = import(&newer);
    assert_eq!(newer.code(), "unsupported-format");
    assert!(newer.to_string().contains("version 2"), "{newer}");
    assert!(is_empty(&copy));
}

#[test]
fn a_database_that_holds_something_is_left_as_it_is() {
    let (_, file) = sample();
    let database = Database::in_memory().unwrap();
    database.put("mine", 1, &1).unwrap();
    let before = database.digest().unwrap();
    let error = database.import_archive(&file[..], |_| {}).unwrap_err();
    assert_eq!(error.code(), "already-exists");
    assert_eq!(database.digest().unwrap(), before);
}

#[test]
fn an_import_that_a_process_did_not_end_begins_anew() {
    let (source, file) = sample();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let page = source.raw().archive_export_page(None).unwrap();
    let database = Database::open(&path).unwrap();
    database.raw().archive_import_page(&page.entries).unwrap();
    database.close().unwrap();

    let database = Database::open(&path).unwrap();
    let error = database.put("t", 1, &1).unwrap_err();
    assert!(matches!(error, Error::Incomplete(_)), "{error}");
    assert!(error.is_store());
    database.import_archive(&file[..], |_| {}).unwrap();
    assert_eq!(database.digest().unwrap(), source.digest().unwrap());
    database.put("t", 1, &1).unwrap();
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the tape is torn"))
    }
}

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("the tape is torn"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_or_writer_that_fails_is_told_as_such() {
    let (database, file) = sample();
    let error = database.export_archive(Failing, |_| {}).unwrap_err();
    assert!(matches!(&error, Error::Archive(error) if error.to_string().contains("torn")));
    assert_eq!(error.code(), "archive-io");
    let copy = Database::in_memory().unwrap();
    for length in [0, 4, 8, file.len() / 2, file.len()] {
        let error = copy
            .import_archive(file[..length].chain(Failing), |_| {})
            .unwrap_err();
        assert!(matches!(&error, Error::Archive(_)), "{length}: {error}");
        assert!(error.to_string().contains("torn"), "{error}");
        assert!(is_empty(&copy));
    }
}
