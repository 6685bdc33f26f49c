//! The rooms import one another only as the table in ARCHITECTURE.md allows, so that its arrows stay as drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that decide and do nothing else. Whatever the table says, they import the model alone.
const PURE: [&str; 4] = ["consent", "routing", "health", "incident"];

/// What a pure room has no use for: waiting, the outside world, the clock, chance, logs and protocols.
const IMPURE: [&str; 13] = [
    "async ",
    ".await",
    "tokio::",
    "tonic::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "fastrand",
    "tracing::",
];

/// What may import every room: the program itself.
const TOP: &str = "main";

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A section of ARCHITECTURE.md.
fn section(title: &str) -> String {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with(title));
    section.unwrap_or_else(|| panic!("ARCHITECTURE.md has no section {title}")).to_owned()
}

/// What stands between backticks.
fn names(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The table below "Who may import whom": in each row a room, and the rooms that it may import.
fn allowed() -> Arrows {
    let section = section("Who may import whom");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        (names(cells[1]).remove(0), names(cells[2]).into_iter().collect())
    };
    rows.map(row).collect()
}

/// Every Rust file below a folder.
fn below(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// Each file of `src/` with the room it belongs to: the first part of its path.
fn files() -> Vec<(String, PathBuf)> {
    let room = |path: &Path| {
        let inside = path.strip_prefix(root().join("src")).unwrap();
        let room = Path::new(inside.iter().next().unwrap()).file_stem().unwrap();
        room.to_str().unwrap().to_owned()
    };
    below("src").into_iter().map(|path| (room(&path), path)).collect()
}

/// The code without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The names that follow `prefix` in paths: of `crate::a::b` and `crate::{a, b::{c}}`, that is `a`, and `a` and `b`.
fn named_after(prefix: &str, code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':')) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(first_names(group)),
            None => names.extend(first_name(rest)),
        }
    }
    names
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The first name of each path in a group, up to the brace that closes it.
fn first_names(group: &str) -> BTreeSet<String> {
    let mut depth = 0;
    let mut start = 0;
    let mut names = BTreeSet::new();
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                names.extend(first_name(&group[start..at]));
                start = at + 1;
            }
            '}' => {
                names.extend(first_name(&group[start..at]));
                break;
            }
            _ => {}
        }
    }
    names
}

/// The rooms that a file imports, by whichever name of the crate it can use.
fn imports(path: &Path) -> BTreeSet<String> {
    let code = code(path);
    // A room's own file reaches the crate by one `super`, a file below it by one more, and so on.
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let depth = inside.iter().count() - usize::from(path.ends_with("mod.rs"));
    let climb = "super::".repeat(depth.max(1));
    ["crate::", "relevo::", &climb].into_iter().flat_map(|prefix| named_after(prefix, &code)).collect()
}

/// Every arrow between rooms, with the files that draw it.
fn drawn(rooms: &Arrows) -> BTreeMap<(String, String), Vec<PathBuf>> {
    let mut drawn: BTreeMap<_, Vec<PathBuf>> = BTreeMap::new();
    for (room, path) in files() {
        for other in imports(&path) {
            if other != room && rooms.contains_key(&other) {
                drawn.entry((room.clone(), other)).or_default().push(path.clone());
            }
        }
    }
    drawn
}

#[test]
fn rooms_import_only_what_the_architecture_allows() {
    let allowed = allowed();
    let drawn = drawn(&allowed);
    for ((from, to), files) in &drawn {
        let fine = from == TOP || allowed.get(from).is_some_and(|rooms| rooms.contains(to));
        assert!(fine, "{from} may not import {to}, by ARCHITECTURE.md; it does in {files:#?}");
    }
    for (from, rooms) in &allowed {
        for to in rooms {
            let used = drawn.contains_key(&(from.clone(), to.clone()));
            assert!(used, "ARCHITECTURE.md lets {from} import {to}, which it does not: remove it there");
        }
    }
}

#[test]
fn the_table_names_every_room_and_none_imports_its_importer() {
    let allowed = allowed();
    let rooms: BTreeSet<String> = files().into_iter().map(|(room, _)| room).collect();
    let named: BTreeSet<String> = allowed.keys().cloned().chain(["lib".to_owned(), TOP.to_owned()]).collect();
    assert_eq!(rooms, named);
    // Taking away the rooms that import nothing that is left must take away all.
    let mut left = allowed;
    while !left.is_empty() {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, imports| !imports.is_disjoint(&names));
        assert!(left.len() < before, "these import one another in a circle: {names:?}");
    }
}

#[test]
fn pure_rooms_import_the_model_alone_and_touch_nothing() {
    for ((from, to), files) in drawn(&allowed()) {
        let fine = to == "model" || !PURE.contains(&from.as_str());
        assert!(fine, "{from} is pure and may import the model alone, not {to}; it does in {files:#?}");
    }
    for (_, path) in files().into_iter().filter(|(room, _)| PURE.contains(&room.as_str())) {
        let code = code(&path);
        let impure: Vec<&str> = IMPURE.into_iter().filter(|word| code.contains(word)).collect();
        assert!(impure.is_empty(), "{} is in a pure room, and has {impure:?}", path.display());
    }
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let code: String = ["src", "tests"].into_iter().flat_map(below).map(|path| code(&path)).collect();
    let section = section("What must always hold");
    let rows = section.lines().filter(|line| line.starts_with("| ") && line.contains('_'));
    let named: Vec<String> = rows.flat_map(names).filter(|name| name.contains('_')).collect();
    assert!(named.len() > 10, "the table of invariants was not found");
    for name in named {
        assert!(
            code.contains(&format!("fn {name}(")),
            "ARCHITECTURE.md names {name}, and no such test exists"
        );
    }
}
