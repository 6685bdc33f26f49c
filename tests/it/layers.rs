//! No file of `src/` imports, by whatever way round, a file that imports it: what a file rests on can be read without it. And
//! the files of the embedded store stand in layers, each of which imports only those below it.
//!
//! An import is a path that leads to an item or a module of another file, in a `use` or in the code itself. Whoever imports a
//! name that a module passes on (`pub use`) imports the file that defines it; the module that passes it on imports that file
//! only if its own code needs the name. Tests are left out: they stand above everything.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree, Visibility};

/// The path of a module below the crate: `["store", "embedded"]`.
type ModulePath = Vec<String>;

/// The file graph: each file, and the files that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// A module as its imports are resolved.
#[derive(Default)]
struct Module {
    /// The file it is in, below `src/`.
    file: String,
    /// The names of what it defines.
    items: HashSet<String>,
    /// Its modules.
    children: HashSet<String>,
    /// The names that it imports or passes on, and the paths that they stand for.
    aliases: HashMap<String, Vec<String>>,
    /// The names that it passes on.
    passed_on: HashSet<String>,
    /// The paths all of whose names it imports.
    globs: Vec<Vec<String>>,
    /// The paths in its code, single names among them.
    paths: Vec<Vec<String>>,
}

/// All modules of the crate.
#[derive(Default)]
struct Crate(HashMap<ModulePath, Module>);

/// Where a path leads: to a module, or to an item of one.
enum Target {
    Module(ModulePath),
    Item(ModulePath),
}

impl Crate {
    fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        modules.add_file(root, &root.join("lib.rs"), Vec::new());
        modules
    }

    fn add_file(&mut self, root: &Path, file: &Path, path: ModulePath) {
        let source = fs::read_to_string(file).unwrap();
        let items =
            syn::parse_file(&source).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items;
        self.add_module(root, file, path, items);
    }

    fn add_module(&mut self, root: &Path, file: &Path, path: ModulePath, items: Vec<Item>) {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let mut module = Module { file: name, ..Module::default() };
        for item in items.into_iter().filter(|item| !is_for_tests(item)) {
            match item {
                Item::Mod(item) => {
                    let child = item.ident.to_string();
                    let below = [path.clone(), vec![child.clone()]].concat();
                    match item.content {
                        Some((_, items)) => self.add_module(root, file, below, items),
                        None => self.add_file(root, &child_file(file, &child), below),
                    }
                    module.children.insert(child);
                }
                Item::Use(item) => {
                    let known: HashSet<String> = module.aliases.keys().cloned().collect();
                    module.add_use(Vec::new(), &item.tree);
                    if !matches!(item.vis, Visibility::Inherited) {
                        let new = module.aliases.keys().filter(|name| !known.contains(*name));
                        module.passed_on.extend(new.cloned());
                    }
                }
                item => {
                    module.items.extend(name_of(&item));
                    add_paths(item.into_token_stream(), &mut module.paths);
                }
            }
        }
        self.0.insert(path, module);
    }

    /// Where a path in the code of a module leads; `None` when it leaves the crate.
    fn resolve(&self, from: &ModulePath, path: &[String], depth: usize) -> Option<Target> {
        // A name that two modules pass on to each other leads nowhere.
        if depth > 32 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(Vec::new(), rest, depth),
            "self" => self.descend(from.clone(), rest, depth),
            "super" => {
                let (_, parent) = from.split_last()?;
                match rest.first().is_some_and(|next| next == "super") {
                    true => self.resolve(&parent.to_vec(), rest, depth + 1),
                    false => self.descend(parent.to_vec(), rest, depth),
                }
            }
            _ => {
                let module = &self.0[from];
                let is_known = module.children.contains(first) || module.aliases.contains_key(first);
                if is_known { self.descend(from.clone(), path, depth) } else { None }
            }
        }
    }

    fn descend(&self, mut at: ModulePath, path: &[String], depth: usize) -> Option<Target> {
        for (index, name) in path.iter().enumerate() {
            let module = &self.0[&at];
            if module.children.contains(name) {
                at.push(name.clone());
            } else if module.items.contains(name) {
                return Some(Target::Item(at));
            } else if let Some(alias) = module.aliases.get(name) {
                let whole = [alias.as_slice(), &path[index + 1..]].concat();
                return self.resolve(&at, &whole, depth + 1);
            } else {
                let through_glob = module.globs.iter().find_map(|glob| {
                    let whole = [glob.as_slice(), &path[index..]].concat();
                    self.resolve(&at, &whole, depth + 1)
                });
                // What a macro defines is not seen, and is where it is asked for.
                return through_glob.or(Some(Target::Item(at)));
            }
        }
        Some(Target::Module(at))
    }

    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (path, module) in &self.0 {
            let files = imports.entry(module.file.clone()).or_default();
            let names: HashSet<&String> = module.paths.iter().filter_map(|path| path.first()).collect();
            let needed = |name: &String| !module.passed_on.contains(name) || names.contains(name);
            let aliases = module.aliases.iter().filter(|(name, _)| needed(name)).map(|(_, path)| path);
            let paths = module.paths.iter().filter(|path| path.len() > 1);
            let used = aliases.chain(&module.globs).chain(paths);
            for target in used.filter_map(|used| self.resolve(path, used, 0)) {
                let (Target::Module(at) | Target::Item(at)) = target;
                files.insert(self.0[&at].file.clone());
            }
            files.remove(&module.file);
        }
        imports
    }
}

impl Module {
    fn add_use(&mut self, prefix: Vec<String>, tree: &UseTree) {
        let with = |name: String| [prefix.clone(), vec![name]].concat();
        match tree {
            UseTree::Path(tree) => self.add_use(with(tree.ident.to_string()), &tree.tree),
            UseTree::Name(tree) if tree.ident == "self" => {
                self.aliases.extend(prefix.last().cloned().map(|name| (name, prefix.clone())));
            }
            UseTree::Name(tree) => {
                self.aliases.insert(tree.ident.to_string(), with(tree.ident.to_string()));
            }
            UseTree::Rename(tree) => {
                self.aliases.insert(tree.rename.to_string(), with(tree.ident.to_string()));
            }
            UseTree::Glob(_) => self.globs.push(prefix),
            UseTree::Group(tree) => tree.items.iter().for_each(|tree| self.add_use(prefix.clone(), tree)),
        }
    }
}

fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.meta.to_token_stream().to_string().contains("test")
    })
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The file of a module that is declared in `file`.
fn child_file(file: &Path, name: &str) -> PathBuf {
    let folder = match file.file_stem().unwrap().to_str().unwrap() {
        "lib" | "mod" => file.parent().unwrap().to_owned(),
        stem => file.with_file_name(stem),
    };
    let sibling = folder.join(format!("{name}.rs"));
    if sibling.exists() { sibling } else { folder.join(name).join("mod.rs") }
}

/// The paths, such as `keys::redacted` or `super::Embedded`, and the single names.
fn add_paths(tokens: TokenStream, paths: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    let mut end = |path: &mut Vec<String>| {
        let whole = std::mem::take(path);
        paths.extend((!whole.is_empty()).then_some(whole));
    };
    let mut groups = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 {
                    end(&mut path);
                }
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            token => {
                end(&mut path);
                colons = 0;
                if let TokenTree::Group(group) = token {
                    groups.push(group.stream());
                }
            }
        }
    }
    end(&mut path);
    groups.into_iter().for_each(|group| add_paths(group, paths));
}

/// What `from` imports, and what that imports, and so on.
fn reached(imports: &Imports, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(file) = next.pop() {
        next.extend(imports[&file].iter().filter(|imported| reached.insert((*imported).clone())).cloned());
    }
    reached
}

/// The files that import one another in a circle, with their imports among themselves.
fn circles(imports: &Imports) -> BTreeMap<&str, Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<String>> =
        imports.keys().map(|file| (file.as_str(), reached(imports, file))).collect();
    let in_circle = reached.iter().filter(|(file, reached)| reached.contains(**file));
    let within = in_circle.map(|(file, _)| {
        let back = imports[*file].iter().filter(|other| reached[other.as_str()].contains(*file));
        (*file, back.map(String::as_str).collect())
    });
    within.collect()
}

fn imports_of_crate() -> Imports {
    Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).imports()
}

#[test]
fn no_file_imports_its_importer() {
    let imports = imports_of_crate();
    assert!(imports.len() > 300, "only {} files were found", imports.len());
    let circles = circles(&imports);
    assert!(circles.is_empty(), "these files import one another in circles: {circles:#?}");
}

/// The layer of each file or folder of the embedded store, from 0 for the top, as the table at the head of its module says.
fn layers_of_embedded_store() -> HashMap<String, usize> {
    let head =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/embedded/mod.rs")).unwrap();
    let rows = head.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    let files = rows.skip(1).map(|row| row.split_once(" | ").unwrap().1.split(", ").collect::<Vec<_>>());
    let layers = files.enumerate().flat_map(|(layer, files)| {
        files.into_iter().map(move |file| (file.trim_matches('`').to_owned(), layer))
    });
    layers.collect()
}

#[test]
fn the_files_of_the_embedded_store_import_only_their_own_layer_and_those_below() {
    let layers = layers_of_embedded_store();
    let imports = imports_of_crate();
    let name = |file: &str| {
        let below = file.strip_prefix("store/embedded/")?;
        Some(below.split('/').next()?.trim_end_matches(".rs").to_owned())
    };
    let files: HashSet<String> = imports.keys().filter_map(|file| name(file)).collect();
    assert_eq!(layers.keys().cloned().collect::<HashSet<_>>(), files, "the table names every file once");
    let upward: Vec<String> = imports
        .iter()
        .filter_map(|(file, imported)| Some((name(file)?, imported)))
        .flat_map(|(file, imported)| {
            imported.iter().filter_map(|other| name(other)).map(move |other| (file.clone(), other))
        })
        .filter(|(file, other)| layers[other] < layers[file])
        .map(|(file, other)| format!("{file} imports {other}, which is in a layer above"))
        .collect();
    assert!(upward.is_empty(), "{upward:#?}");
}
