//! Which files of a project are kept, and that what is laid out is what was kept, whatever stands in the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kitaru_core::release::Deployed;
use kitaru_engine::snapshot::{Packed, pack, unpacked};
use kitaru_store::{Options, Store, open};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

struct Scene {
    folder: TempDir,
    store: Arc<dyn Store>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let store = open(&home.join("kitaru.db").display().to_string(), &home, &Options::default()).unwrap();
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder, store }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn pack(&self) -> Packed {
        pack(self.store.as_ref(), &self.root(), &[self.home()]).unwrap()
    }

    fn unpack(&self, packed: &Packed) -> PathBuf {
        unpacked(self.store.as_ref(), &self.home(), &deployed(packed)).unwrap()
    }
}

fn deployed(packed: &Packed) -> Deployed {
    Deployed { flow: "agent".to_owned(), version: "v1".to_owned(), snapshot: packed.snapshot }
}

fn names(packed: &Packed) -> Vec<&str> {
    packed.files.iter().map(|file| file.path.as_str()).collect()
}

fn read(root: &Path, path: &str) -> Vec<u8> {
    std::fs::read(root.join(path)).unwrap()
}

#[test]
fn what_git_leaves_out_and_what_is_made_anew_is_left_out() {
    let scene = Scene::new();
    for path in ["agent.py", "src/a.py", "src/__pycache__/a.cpython-311.pyc", "a.pyc", "node_modules/x.js", ".env"] {
        scene.write(path, b"x");
    }
    scene.write("venv/pyvenv.cfg", b"x");
    scene.write("venv/lib/os.py", b"x");
    scene.write("secret/key.txt", b"x");
    scene.write("src/data/large.bin", b"x");
    scene.write(".hidden/wanted.toml", b"x");
    scene.write(".gitignore", b"/secret/\n");
    scene.write("src/.gitignore", b"data/\n");
    assert_eq!(names(&scene.pack()), ["agent.py", "src/a.py"]);
    scene.write(".kitaruignore", b"!.hidden\nsrc/a.py\n");
    assert_eq!(names(&scene.pack()), [".hidden/wanted.toml", "agent.py"]);
}

#[test]
fn the_store_itself_is_no_part_of_the_project() {
    let scene = Scene::new();
    scene.write("agent.py", b"x");
    let whole = pack(scene.store.as_ref(), scene.folder.path(), &[scene.home()]).unwrap();
    assert_eq!(names(&whole), ["project/agent.py"]);
    // A store beside the code: the database, its log, and what is large.
    for name in ["state.db", "state.db-wal", "state.db-values/1.pack", "estate.db"] {
        scene.write(name, b"x");
    }
    let beside = pack(scene.store.as_ref(), &scene.root(), &[scene.root().join("state.db")]).unwrap();
    assert_eq!(names(&beside), ["agent.py", "estate.db"]);
}

#[test]
fn a_snapshot_is_known_by_its_files_and_nothing_else() {
    let scene = Scene::new();
    scene.write("agent.py", b"one");
    scene.write("uv.lock", b"pins");
    let one = scene.pack();
    assert_eq!((one.lock.as_deref(), one.size()), (Some("uv.lock"), 7));
    assert_eq!(scene.pack().snapshot, one.snapshot);
    scene.write("agent.py", b"two");
    let two = scene.pack();
    assert_ne!(two.snapshot, one.snapshot);
    // A file that was kept once is what it was in either.
    assert_eq!(read(&scene.unpack(&one), "agent.py"), b"one");
    assert_eq!(read(&scene.unpack(&two), "agent.py"), b"two");
    std::fs::rename(scene.root().join("uv.lock"), scene.root().join("poetry.lock")).unwrap();
    assert_ne!(scene.pack().snapshot, two.snapshot);
}

#[cfg(unix)]
#[test]
fn links_are_named_and_left_out_and_programs_stay_programs() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    scene.write("run.sh", b"#!/bin/sh\n");
    std::fs::set_permissions(scene.root().join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", scene.root().join("link")).unwrap();
    let packed = scene.pack();
    assert_eq!((names(&packed), packed.links.as_slice()), (vec!["run.sh"], &["link".to_owned()][..]));
    let mode = std::fs::metadata(scene.unpack(&packed).join("run.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o555);
}

#[test]
fn many_that_lay_it_out_at_once_find_one() {
    let scene = Scene::new();
    for at in 0..40 {
        scene.write(&format!("files/{at}.py"), format!("{at}").as_bytes());
    }
    let packed = scene.pack();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(read(&scene.unpack(&packed), "files/39.py"), b"39"));
        }
    });
    let left: Vec<_> = std::fs::read_dir(scene.home().join("deployed")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// The list and a file's content, as whoever can write to the store would put them there.
#[test]
fn what_the_store_has_under_a_digest_is_not_taken_on_trust() {
    use base64::Engine as _;
    let scene = Scene::new();
    scene.write("agent.py", b"x");
    let packed = scene.pack();
    let lies = |text: &str| {
        let snapshot = kitaru_core::Digest::of(text.as_bytes());
        scene.store.keep_code(&format!("snapshot:{snapshot}"), text).unwrap();
        let one = Deployed { snapshot, ..deployed(&packed) };
        unpacked(scene.store.as_ref(), &scene.home(), &one).unwrap_err().code
    };
    let digest = packed.files[0].digest;
    for path in ["../out.py", "/tmp/out.py", "a/../../out.py", "a\\\\..\\\\out.py", ""] {
        assert_eq!(lies(&format!(r#"[{{"path":"{path}","digest":"{digest}","size":1}}]"#)), "snapshot", "{path}");
    }
    assert_eq!(lies("[]x"), "snapshot");
    assert_eq!(lies(&format!(r#"[{{"path":"a.py","digest":"{digest}","size":99999999999}}]"#)), "snapshot");
    let other = kitaru_core::Digest::of(b"other");
    assert_eq!(lies(&format!(r#"[{{"path":"a.py","digest":"{other}","size":1}}]"#)), "snapshot");
    let text = base64::engine::general_purpose::STANDARD.encode(zstd::bulk::compress(b"y", 3).unwrap());
    scene.store.keep_code(&format!("file:{other}"), &text).unwrap();
    assert_eq!(lies(&format!(r#"[{{"path":"a.py","digest":"{other}","size":1}}]"#)), "snapshot");
    let left: Vec<_> = std::fs::read_dir(scene.home().join("deployed")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
