//! Failures of this machine, which say nothing about a provider.

use std::error::Error;
use std::fs::File;
use std::{io, iter};

use rustix::io::Errno;

use super::name_lookup::ResolverDown;
use crate::model::{Outcome, OutcomeEvidence};

/// The errors by which the system says that it has no file, memory or port left.
const EXHAUSTED: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL];

/// The outcome of a call that failed with `error` before anything was sent, where this machine is the cause.
pub(in crate::adapters) fn local_failure(error: &(dyn Error + 'static)) -> Option<Outcome> {
    let text = match exhausted_in(error).or_else(|| exhausted_lookup(error)) {
        Some(code) => format!("this machine: {}", io::Error::from(code)),
        None => causes(error).find_map(|cause| cause.downcast_ref::<ResolverDown>())?.to_string(),
    };
    Some(Outcome::LocalFailure { evidence: OutcomeEvidence::new("", &text) })
}

/// The system's error in `error` or its causes.
fn exhausted_in(error: &(dyn Error + 'static)) -> Option<Errno> {
    io_errors(error).find_map(exhausted)
}

/// A name that was not found because no file could be opened to look it up: the resolver does not say so itself.
fn exhausted_lookup(error: &(dyn Error + 'static)) -> Option<Errno> {
    let is_lookup = io_errors(error).any(|error| error.raw_os_error().is_none());
    if is_lookup { File::open("/").err().as_ref().and_then(exhausted) } else { None }
}

fn exhausted(error: &io::Error) -> Option<Errno> {
    let code = Errno::from_io_error(error)?;
    EXHAUSTED.contains(&code).then_some(code)
}

/// The errors of input and output among `error` and its causes.
fn io_errors<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a io::Error> {
    causes(error).filter_map(|error| error.downcast_ref::<io::Error>())
}

/// `error` and its causes.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        // The source of an `io::Error` is that of the error within, which would be passed over.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_this_machine_are_told_from_those_of_others() {
        for code in EXHAUSTED {
            let outcome = local_failure(&io::Error::from(code));
            assert!(matches!(outcome, Some(Outcome::LocalFailure { .. })), "{code:?}");
        }
        let wrapped = io::Error::other(io::Error::from(Errno::MFILE));
        assert!(local_failure(&wrapped).is_some(), "a cause counts");
        assert!(local_failure(&io::Error::other(ResolverDown)).is_some());
        for error in [io::Error::from(Errno::CONNREFUSED), io::Error::other("no such host")] {
            assert_eq!(local_failure(&error), None, "{error}");
        }
    }
}
