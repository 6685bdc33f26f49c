//! Whether the data directory can be one, as far as can be told without touching it: a gateway may have it open.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{Access, access};

/// The rights of others than the owner.
const OTHERS: u32 = 0o077;

/// Checks that the directory is one that can be written to, or can be made.
///
/// # Errors
/// What it must be.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(format!("must be a directory: {shown} is none")),
        Ok(_) => writable(path, path),
        Err(error) if error.kind() == ErrorKind::NotFound => check_parent(path),
        Err(error) => Err(format!("must be a directory that can be used: {shown} cannot ({error})")),
    }
}

/// What is not there is made when the gateway starts, with what leads to it.
fn check_parent(path: &Path) -> Result<(), String> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(format!(
            "must be a directory: {} is a link to nothing; make what it points to, or remove it",
            path.display()
        ));
    }
    match path.parent().map(|parent| if parent == Path::new("") { Path::new(".") } else { parent }) {
        Some(parent) => match fs::metadata(parent) {
            Ok(found) if found.is_dir() => writable(parent, path),
            Ok(_) => Err(format!("must lie in a directory: {} is none", parent.display())),
            Err(_) => check_parent(parent),
        },
        None => Ok(()),
    }
}

fn writable(folder: &Path, path: &Path) -> Result<(), String> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        format!(
            "must be writable: this user may not make files for {} in {} ({error})",
            path.display(),
            folder.display()
        )
    })
}

/// The mode of the directory where others than its owner may enter it, and so get at the files in it.
pub(super) fn open_to_others(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & OTHERS != 0).then_some(mode)
}
