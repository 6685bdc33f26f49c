//! The meaning of each `command_status` (SMPP 3.4, issue 1.2, section 5.1.3). Those of commands that we never send are left
//! out.

use crate::adapters::error_meaning::{
    CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
};
use crate::model::{Outcome, OutcomeEvidence};

/// The request was taken.
pub(super) const ESME_ROK: u32 = 0x00;
/// The status of our response to a command that we do not know.
pub(super) const ESME_RINVCMDID: u32 = 0x03;
const ESME_RALYBND: u32 = 0x05;
/// The status of our response when an event could not be recorded: the SMSC delivers it again.
pub(super) const ESME_RX_T_APPN: u32 = 0x64;
/// The status of our response to a PDU that cannot be read, which would be the same if it came again.
pub(super) const ESME_RX_P_APPN: u32 = 0x65;

/// The status, its name, and what it means for a message.
const TABLE: &[(u32, &str, ErrorMeaning)] = &[
    // The message: other content may pass.
    (0x01, "ESME_RINVMSGLEN", CONTENT_REJECTED),
    // This SMSC does not take it in this form, or for a reason that each SMSC has of its own: another may take it.
    (0x43, "ESME_RINVESMCLASS", POLICY_REJECTED),
    (0x45, "ESME_RSUBMITFAIL", POLICY_REJECTED),
    (ESME_RX_P_APPN, "ESME_RX_P_APPN", POLICY_REJECTED),
    (0x66, "ESME_RX_R_APPN", POLICY_REJECTED),
    (0xc0, "ESME_RINVOPTPARSTREAM", POLICY_REJECTED),
    (0xc1, "ESME_ROPTPARNOTALLWD", POLICY_REJECTED),
    (0xc2, "ESME_RINVPARLEN", POLICY_REJECTED),
    (0xc3, "ESME_RMISSINGOPTPARAM", POLICY_REJECTED),
    (0xc4, "ESME_RINVOPTPARAMVAL", POLICY_REJECTED),
    // SMSCs say it of numbers that they have no route to, as well as of wrong ones.
    (0x0b, "ESME_RINVDSTADR", POLICY_REJECTED),
    // The address.
    (0x33, "ESME_RINVNUMDESTS", UNCERTAIN_ADDRESS),
    (0x34, "ESME_RINVDLNAME", UNCERTAIN_ADDRESS),
    (0x40, "ESME_RINVDESTFLAG", UNCERTAIN_ADDRESS),
    // Too fast, or too much waits.
    (0x14, "ESME_RMSGQFUL", THROTTLED),
    (0x58, "ESME_RTHROTTLED", THROTTLED),
    // The SMSC, for the moment.
    (0x02, "ESME_RINVCMDLEN", ErrorMeaning::Unavailable),
    (ESME_RINVCMDID, "ESME_RINVCMDID", ErrorMeaning::Unavailable),
    (0x08, "ESME_RSYSERR", ErrorMeaning::Unavailable),
    (ESME_RX_T_APPN, "ESME_RX_T_APPN", ErrorMeaning::Unavailable),
    (0xfe, "ESME_RDELIVERYFAILURE", ErrorMeaning::Unavailable),
    (0xff, "ESME_RUNKNOWNERR", ErrorMeaning::Unavailable),
    // The account, or what our settings say with every message.
    (0x04, "ESME_RINVBNDSTS", ErrorMeaning::Misconfigured),
    (ESME_RALYBND, "ESME_RALYBND", ErrorMeaning::Misconfigured),
    (0x06, "ESME_RINVPRTFLG", ErrorMeaning::Misconfigured),
    (0x07, "ESME_RINVREGDLVFLG", ErrorMeaning::Misconfigured),
    (0x0a, "ESME_RINVSRCADR", ErrorMeaning::Misconfigured),
    (0x0d, "ESME_RBINDFAIL", ErrorMeaning::Misconfigured),
    (0x0e, "ESME_RINVPASWD", ErrorMeaning::Misconfigured),
    (0x0f, "ESME_RINVSYSID", ErrorMeaning::Misconfigured),
    (0x15, "ESME_RINVSERTYP", ErrorMeaning::Misconfigured),
    (0x48, "ESME_RINVSRCTON", ErrorMeaning::Misconfigured),
    (0x49, "ESME_RINVSRCNPI", ErrorMeaning::Misconfigured),
    (0x50, "ESME_RINVDSTTON", ErrorMeaning::Misconfigured),
    (0x51, "ESME_RINVDSTNPI", ErrorMeaning::Misconfigured),
    (0x53, "ESME_RINVSYSTYP", ErrorMeaning::Misconfigured),
    (0x61, "ESME_RINVSCHED", ErrorMeaning::Misconfigured),
    (0x62, "ESME_RINVEXPIRY", ErrorMeaning::Misconfigured),
];

/// The outcome of a message that was refused. A status that is not in the table, such as a carrier's own (0x400 to
/// 0x4FF), refuses this message, says nothing of others, and means something else at each carrier.
pub(super) fn refused(status: u32) -> Outcome {
    let (name, meaning) = look_up(status).unwrap_or(("", POLICY_REJECTED));
    meaning.outcome(evidence(status, name), None)
}

/// Why the SMSC did not let us in. It passes when the SMSC is down, or still holds a session of ours that broke off.
pub(super) fn bind_refused(status: u32) -> Outcome {
    let (name, meaning) = look_up(status).unwrap_or(("", ErrorMeaning::Misconfigured));
    let passes =
        status == ESME_RALYBND || matches!(meaning, ErrorMeaning::Unavailable | ErrorMeaning::Throttled(_));
    let meaning = if passes { ErrorMeaning::Unavailable } else { ErrorMeaning::Misconfigured };
    meaning.outcome(evidence(status, &format!("bind refused {name}")), None)
}

fn look_up(status: u32) -> Option<(&'static str, ErrorMeaning)> {
    TABLE.iter().find(|&&(known, ..)| known == status).map(|&(_, name, meaning)| (name, meaning))
}

fn evidence(status: u32, text: &str) -> OutcomeEvidence {
    OutcomeEvidence::new(format_args!("0x{status:02X}"), text.trim_end())
}

/// The outcome of a message that certainly did not reach the SMSC.
pub(super) fn unavailable(why: &str) -> Outcome {
    Outcome::Unavailable { evidence: OutcomeEvidence::new("", why) }
}
