//! Failures of this machine, which say nothing about a provider.

use std::error::Error;
use std::fs::File;
use std::io;

use rustix::io::Errno;

use crate::model::{Outcome, OutcomeEvidence};

/// The errors by which the system says that it has no file, memory or port left.
const EXHAUSTED: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL];

/// The outcome of a call that failed with `error` before anything was sent, where this machine is the cause.
pub(in crate::adapters) fn local_failure(error: &(dyn Error + 'static)) -> Option<Outcome> {
    let code = exhausted_in(error).or_else(|| exhausted_lookup(error))?;
    let text = format!("this machine: {}", io::Error::from(code));
    Some(Outcome::LocalFailure { evidence: OutcomeEvidence::new("", &text) })
}

/// The system's error in `error` or its causes.
fn exhausted_in(error: &(dyn Error + 'static)) -> Option<Errno> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let code = error.downcast_ref::<io::Error>().and_then(exhausted);
        if code.is_some() {
            return code;
        }
        cause = error.source();
    }
    None
}

fn exhausted(error: &io::Error) -> Option<Errno> {
    let code = Errno::from_io_error(error)?;
    EXHAUSTED.contains(&code).then_some(code)
}

/// A name that was not found because no file could be opened to look it up: the resolver does not say so itself.
fn exhausted_lookup(error: &(dyn Error + 'static)) -> Option<Errno> {
    let mut cause = Some(error);
    let is_lookup = |error: &io::Error| error.raw_os_error().is_none();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(is_lookup) {
            return File::open("/").err().as_ref().and_then(exhausted);
        }
        cause = error.source();
    }
    None
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
        for error in [io::Error::from(Errno::CONNREFUSED), io::Error::other("no such host")] {
            assert_eq!(local_failure(&error), None, "{error}");
        }
    }
}
