//! Disks that are full, directories that can't be written, and paths with something else on them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Model, child, child_path, commit, contents, copy, one, open};
use cu_db::store::{DiskOptions, DiskStore, Durability, OpenError, Store, StoreFailure};

fn read_only() -> DiskOptions {
    DiskOptions {
        read_only: true,
        ..DiskOptions::default()
    }
}

#[test]
fn a_second_opening_is_refused_until_the_first_one_closes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse(_))));
    assert!(matches!(
        DiskStore::open(&path, read_only()),
        Err(OpenError::InUse(_))
    ));
    commit(&first, &one("still", "works")).unwrap();
    first.close().unwrap();
    let reader = DiskStore::open(&path, read_only()).unwrap();
    let another = DiskStore::open(&path, read_only()).unwrap();
    assert_eq!(contents(&reader), contents(&another));
    assert!(matches!(open(&path), Err(OpenError::InUse(_))));
}

#[test]
fn a_closed_store_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("database")).unwrap();
    store.close().unwrap();
    store.close().unwrap();
    assert!(matches!(store.open(), Err(StoreFailure::Closed(_))));
    assert!(matches!(
        store.commit(0, &one("a", "b")),
        Err(StoreFailure::Closed(_))
    ));
}

#[test]
fn a_read_only_store_shows_the_log_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (live, crashed) = (
        directory.path().join("live"),
        directory.path().join("crashed"),
    );
    let store = open(&live).unwrap();
    commit(&store, &one("a", "in the log only")).unwrap();
    copy(&live, &crashed);
    let bytes = |name: &str| fs::read(crashed.join(name)).unwrap();
    let before = (bytes("tree.redb"), bytes("log"), bytes("format"));

    let reader = DiskStore::open(&crashed, read_only()).unwrap();
    assert_eq!(contents(&reader), contents(&store));
    assert_eq!(commit(&reader, &one("b", "c")), Err(StoreFailure::ReadOnly));
    assert_eq!(contents(&reader), contents(&store));
    reader.close().unwrap();
    assert!(before == (bytes("tree.redb"), bytes("log"), bytes("format")));
}

#[test]
fn nothing_is_made_where_nothing_may_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    assert!(matches!(
        DiskStore::open(&path, read_only()),
        Err(OpenError::NotFound(_))
    ));
    assert!(!path.exists());
    assert!(matches!(
        open(&path.join("deeper")),
        Err(OpenError::NoParent(_))
    ));
}

#[test]
fn foreign_files_and_directories_are_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "a shopping list").unwrap();
    assert!(matches!(open(&file), Err(OpenError::Foreign(..))));
    assert!(matches!(
        DiskStore::open(&file, read_only()),
        Err(OpenError::Foreign(..))
    ));
    assert_eq!(fs::read(&file).unwrap(), b"a shopping list");

    assert!(matches!(
        open(directory.path()),
        Err(OpenError::Foreign(..))
    ));
    assert!(matches!(
        DiskStore::open(directory.path(), read_only()),
        Err(OpenError::Foreign(..))
    ));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("format"), "PDF 1.7\n").unwrap();
    assert!(matches!(open(&other), Err(OpenError::Foreign(..))));
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    open(&path).unwrap().close().unwrap();
    fs::write(path.join("format"), "cu-database 3\n").unwrap();
    assert!(matches!(open(&path), Err(OpenError::NewerFormat(_, 3))));
    assert!(matches!(
        DiskStore::open(&path, read_only()),
        Err(OpenError::NewerFormat(_, 3))
    ));
}

/// Makes a database of format 1: the tree has values as they are, under another name.
fn make_old(path: &Path, entries: &Model) {
    const OLD: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("entries");
    const NEW: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("values");
    const STATE: redb::TableDefinition<&str, u64> = redb::TableDefinition::new("state");
    open(path).unwrap().close().unwrap();
    fs::write(path.join("format"), "cu-database 1\n").unwrap();
    let tree = redb::Database::open(path.join("tree.redb")).unwrap();
    let transaction = tree.begin_write().unwrap();
    assert!(transaction.delete_table(NEW).unwrap());
    let mut old = transaction.open_table(OLD).unwrap();
    for (key, value) in entries {
        old.insert(&key[..], &value[..]).unwrap();
    }
    drop(old);
    transaction
        .open_table(STATE)
        .unwrap()
        .insert("version", 17)
        .unwrap();
    transaction.commit().unwrap();
}

#[test]
fn a_database_of_the_first_format_is_brought_up_when_it_is_opened_for_writing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let entries = Model::from([
        (b"a".to_vec(), Vec::new()),
        (b"b".to_vec(), vec![1]),
        (b"c".to_vec(), vec![b'x'; 10_000]),
    ]);
    make_old(&path, &entries);
    assert!(matches!(
        DiskStore::open(&path, read_only()),
        Err(OpenError::OlderFormat(_, 1))
    ));
    let store = open(&path).unwrap();
    assert_eq!(
        fs::read_to_string(path.join("format")).unwrap(),
        "cu-database 2\n"
    );
    assert!(contents(&store) == entries);
    assert_eq!(commit(&store, &one("d", "new")).unwrap(), 18);
    store.close().unwrap();
    drop(store);
    let store = DiskStore::open(&path, read_only()).unwrap();
    assert_eq!(contents(&store).len(), 4);
}

#[test]
fn a_database_whose_upgrade_was_cut_short_is_brought_up_by_the_next_opening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let entries = Model::from([(b"b".to_vec(), vec![1])]);
    make_old(&path, &entries);
    fs::write(path.join("format"), "cu-database 2\n").unwrap();
    assert!(contents(&DiskStore::open(&path, read_only()).unwrap()) == entries);
    assert!(contents(&open(&path).unwrap()) == entries);
}

#[test]
fn a_database_that_was_half_made_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    open(&path).unwrap().close().unwrap();
    fs::write(path.join("format"), "").unwrap();
    fs::write(path.join("tree.redb"), "half a tr").unwrap();
    fs::remove_file(path.join("log")).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(commit(&store, &one("a", "b")), Ok(1));
}

#[test]
#[ignore = "the child process of `a_directory_without_permission_is_refused_or_read`"]
fn open_without_permission() {
    let path = child_path();
    assert!(matches!(open(&path), Err(OpenError::Permission(..))));
    assert!(matches!(
        open(&path.with_file_name("new")),
        Err(OpenError::Permission(..))
    ));
    let reader = DiskStore::open(&path, read_only()).unwrap();
    assert_eq!(contents(&reader).len(), 1);
}

#[test]
fn a_directory_without_permission_is_refused_or_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let store = open(&path).unwrap();
    commit(&store, &one("a", "b")).unwrap();
    store.close().unwrap();
    let modes = |directories: u32, files: u32| {
        for entry in fs::read_dir(&path).unwrap() {
            fs::set_permissions(entry.unwrap().path(), PermissionsExt::from_mode(files)).unwrap();
        }
        for path in [&path, directory.path()] {
            fs::set_permissions(path, PermissionsExt::from_mode(directories)).unwrap();
        }
    };
    modes(0o555, 0o444);
    let mut command = child("limits::open_without_permission", &path);
    // SAFETY: geteuid has no conditions.
    if unsafe { libc::geteuid() } == 0 {
        // Permissions mean nothing to root.
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    modes(0o755, 0o644);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Commits until the disk is full, and checks what is there then and after.
fn fill(path: &Path, durability: Durability, large_commit_bytes: usize, make_room: impl Fn()) {
    let options = DiskOptions {
        log_bytes: 300_000,
        durability,
        large_commit_bytes,
        ..DiskOptions::default()
    };
    let store = DiskStore::open(path, options).unwrap();
    let mut acknowledged = 0u64;
    let failure = loop {
        let writes = one(acknowledged.to_be_bytes(), vec![acknowledged as u8; 20_000]);
        match commit(&store, &writes) {
            Ok(_) => acknowledged += 1,
            Err(failure) => break failure,
        }
        assert!(acknowledged < 10_000, "the disk never got full");
    };
    assert!(matches!(failure, StoreFailure::Full(_)), "{failure}");
    let intact = |store: &DiskStore| {
        let contents = contents(store);
        assert_eq!(contents.len() as u64, acknowledged);
        for (number, (key, value)) in (0..acknowledged).zip(contents) {
            assert_eq!(key, number.to_be_bytes());
            assert_eq!(value, vec![number as u8; 20_000]);
        }
    };
    // It can still be read, and still says why it can't be written.
    intact(&store);
    let large = one("large", vec![1; 5 << 20]);
    assert!(matches!(commit(&store, &large), Err(StoreFailure::Full(_))));
    intact(&store);
    // The failure is over when its reason is.
    make_room();
    commit(
        &store,
        &one(acknowledged.to_be_bytes(), vec![acknowledged as u8; 20_000]),
    )
    .unwrap();
    store.close().unwrap();
    acknowledged += 1;
    let store = open(path).unwrap();
    let contents = contents(&store);
    assert_eq!(contents.len() as u64, acknowledged);
}

#[test]
#[ignore = "the child process of `a_full_disk_loses_nothing_acknowledged`"]
fn fill_up_to_the_limit_of_file_size() {
    let limit = |bytes| {
        // SAFETY: both calls only take what they are given.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            let limit = libc::rlimit {
                rlim_cur: bytes,
                rlim_max: libc::RLIM_INFINITY,
            };
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
        }
    };
    for durability in [Durability::Strict, Durability::Relaxed] {
        // With small commits, and with large ones, which the tree gets in the background.
        for large in [usize::MAX, 10_000] {
            limit(6 << 20);
            fill(
                &child_path().join(format!("{durability:?} {large}")),
                durability,
                large,
                || limit(libc::RLIM_INFINITY),
            );
        }
    }
    // Not even the directory of a new database fits.
    limit(0);
    assert!(matches!(
        open(&child_path().join("new")),
        Err(OpenError::Store(_, StoreFailure::Full(_)))
    ));
    limit(libc::RLIM_INFINITY);
    open(&child_path().join("new")).unwrap();
}

#[test]
fn a_full_disk_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let output = child(
        "limits::fill_up_to_the_limit_of_file_size",
        directory.path(),
    )
    .output()
    .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// A file system of its own, if the machine lets us make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(directory.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).output());
    }
}

#[test]
fn a_small_disk_loses_nothing_acknowledged() {
    // Only root can mount one; the limit of file size stands in for it everywhere else.
    for large in [usize::MAX, 10_000] {
        let Some(disk) = SmallDisk::mount("12m") else {
            return;
        };
        let ballast = disk.0.path().join("ballast");
        fs::File::create(&ballast)
            .unwrap()
            .write_all(&vec![1; 4 << 20])
            .unwrap();
        let path = disk.0.path().join("database");
        fill(&path, Durability::Strict, large, || {
            fs::remove_file(&ballast).unwrap()
        });
    }
}
