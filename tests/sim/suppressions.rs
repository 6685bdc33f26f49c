//! Reasons for which addresses are suppressed: told and ended by the script, and remembered apart from the store. While one of
//! them stands, nothing may be sent to the address.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use relevo::model::SuppressionReason::{self, BadAddress, Complaint, Manual, OptedOut};
use relevo::model::{
    Address, BrandId, Channel, ConsentEvidence, MessageClass, Provider, Suppression, SuppressionLift,
    Timestamp, later,
};
use relevo::store::{LiftResult, SuppressResult};

use crate::incoming_texts::{ScriptedText, TextSpelling};
use crate::script::{self, MessageDraft, ScriptAction, ScriptedContact};
use crate::state::SimulationState;

/// An address of a brand's contact, on a channel that delivers to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub brand: BrandId,
    pub channel: Channel,
    pub address: Address,
}

/// What somebody does to the suppressions of an address.
#[derive(Debug, Clone)]
pub enum SuppressionChange {
    /// A reason is told: by the brand, or by a provider.
    Tell(SuppressionReason),
    /// The brand lifts reasons, with evidence from now or from before everything.
    Lift { reasons: Vec<SuppressionReason>, is_new: bool },
}

/// The reasons that stand by what the script told and ended, and when each was told last. The people's own words are kept by
/// [`IncomingTexts`](crate::incoming_texts::IncomingTexts), and what providers answer is left out: these are some of the reasons.
#[derive(Default)]
pub struct StandingReasons(Mutex<BTreeMap<Target, BTreeMap<SuppressionReason, Timestamp>>>);

impl StandingReasons {
    /// A reason for which nothing may go there.
    pub fn against(&self, brand: &BrandId, channel: Channel, address: &Address) -> Option<SuppressionReason> {
        let target = Target { brand: brand.clone(), channel, address: address.clone() };
        self.0.lock().unwrap().get(&target)?.keys().next().copied()
    }

    fn tell(&self, target: &Target, reason: SuppressionReason, now: Timestamp) {
        let mut all = self.0.lock().unwrap();
        let told = all.entry(target.clone()).or_default().entry(reason).or_insert(now);
        *told = now.max(*told);
    }

    /// Whether the brand may lift these reasons, with evidence from this time; `None` when that rests on what providers answered.
    fn may_lift(&self, target: &Target, reasons: &[SuppressionReason], evidence: Timestamp) -> Option<bool> {
        let all = self.0.lock().unwrap();
        let told = |reason: &SuppressionReason| all.get(target).and_then(|told| told.get(reason)).copied();
        if reasons.contains(&OptedOut)
            || told(&Complaint).is_some_and(|at| evidence <= at) && reasons.contains(&Complaint)
        {
            return Some(false);
        }
        match reasons.iter().find(|reason| told(reason).is_none()) {
            None => Some(true),
            Some(BadAddress) => None,
            Some(_) => Some(false),
        }
    }

    fn lift(&self, target: &Target, reasons: &[SuppressionReason]) {
        if let Some(told) = self.0.lock().unwrap().get_mut(target) {
            told.retain(|reason, _| !reasons.contains(reason));
        }
    }
}

pub async fn perform(shared: &SimulationState, target: Target, change: SuppressionChange) {
    match change {
        SuppressionChange::Tell(reason) => tell(shared, &target, reason).await,
        SuppressionChange::Lift { reasons, is_new } => lift(shared, &target, &reasons, is_new).await,
    }
}

async fn tell(shared: &SimulationState, target: &Target, reason: SuppressionReason) {
    let now = shared.now();
    let new = Suppression {
        channel: target.channel,
        address: target.address.clone(),
        reason,
        explanation: "as the script says".into(),
        created_at: now,
        last_reported_at: now,
        recorded_by: "script".into(),
    };
    let SuppressResult { in_force, .. } =
        shared.stores().consents.suppress(&target.brand, new).await.unwrap();
    shared.standing.tell(target, reason, now);
    shared.log(format!("{} on {} of {}: {}", target.address, target.channel, target.brand, reason.as_str()));
    shared.count(format!("suppressed for {}", reason.as_str()));
    let known = shared.standing.0.lock().unwrap()[target].clone();
    for reason in known.into_keys().filter(|reason| in_force.iter().all(|stands| stands.reason != *reason)) {
        shared.record_problem(format!("{} is suppressed no more for {}", target.address, reason.as_str()));
    }
}

async fn lift(shared: &SimulationState, target: &Target, reasons: &[SuppressionReason], is_new: bool) {
    let now = shared.now();
    // A second later: a complaint of this very moment is not after itself.
    let time = if is_new { later(now, Duration::from_secs(1)) } else { Timestamp::UNIX_EPOCH };
    let evidence = ConsentEvidence {
        source: "script".into(),
        method: "script".into(),
        wording: "as the script says".into(),
        time,
        origin: String::new(),
        actor: String::new(),
    };
    let lift = SuppressionLift { at: now, recorded_by: "script".into(), evidence };
    let Target { brand, channel, address } = target;
    let lifted = shared.stores().consents.lift_suppressions(brand, *channel, address, reasons, lift).await;
    let is_lifted = matches!(lifted.unwrap(), LiftResult::Lifted { .. });
    if shared.standing.may_lift(target, reasons, time).is_some_and(|may| may != is_lifted) {
        shared.record_problem(format!("{reasons:?} of {address} on {channel}: lifted is {is_lifted}"));
    }
    shared.log(format!("lift of {reasons:?} from {address} on {channel} of {brand}: {is_lifted}"));
    shared.count(if is_lifted { "a reason was lifted" } else { "a lift was refused" });
    if is_lifted {
        shared.standing.lift(target, reasons);
    }
}

/// An address of the contact on one of its channels, if it has any.
pub fn random_target(rng: &mut Rng, contact: &ScriptedContact) -> Option<Target> {
    let address = rng.choice(&contact.addresses)?.address.clone();
    let channels = Channel::ALL.into_iter().filter(|channel| channel.delivers_to(&address));
    let channel = rng.choice(channels.collect::<Vec<_>>())?;
    Some(Target { brand: contact.brand.clone(), channel, address })
}

/// Any change, of which one in three is a lift.
pub fn random_change(rng: &mut Rng) -> SuppressionChange {
    if rng.u8(0..3) > 0 {
        return SuppressionChange::Tell([Manual, Complaint, BadAddress][rng.usize(0..3)]);
    }
    let mut reasons = vec![Manual, Complaint, BadAddress];
    rng.shuffle(&mut reasons);
    reasons.truncate(if rng.u8(0..4) > 0 { 1 } else { 2 });
    if rng.u8(0..6) == 0 {
        reasons.push(OptedOut);
    }
    SuppressionChange::Lift { reasons, is_new: rng.u8(0..4) > 0 }
}

/// In half of the seeds there is one address on which much is said for and against, and to which messages go in between.
pub fn random_dispute(
    rng: &mut Rng,
    contacts: &[ScriptedContact],
    providers: &[Provider],
) -> Vec<(Timestamp, ScriptAction)> {
    let contact = &contacts[rng.usize(0..contacts.len())];
    let Some(target) = random_target(rng, contact).filter(|_| rng.bool()) else { return Vec::new() };
    let carrying =
        |provider: &&Provider| provider.channel == target.channel && provider.serves(&target.brand);
    let carrying: Vec<Provider> = providers.iter().filter(carrying).cloned().collect();
    let mut actions = Vec::new();
    for nth in 0..rng.usize(4..16) {
        let at = script::random_time(rng);
        let action = match rng.u8(0..4) {
            0 | 1 => ScriptAction::Suppression { target: target.clone(), change: random_change(rng) },
            2 => ScriptAction::Text(ScriptedText {
                provider: carrying[rng.usize(0..carrying.len())].clone(),
                id: format!("dispute-{nth}"),
                from: target.address.clone(),
                spelling: TextSpelling::random(rng),
                to: Some(target.brand.clone()),
                text: (*rng.choice(&["STOP", "start"]).unwrap()).to_owned(),
            }),
            _ => {
                let draft = script::random_draft(rng, std::slice::from_ref(contact), at, 100 + nth);
                let (class, channels) = (MessageClass::Transactional, vec![target.channel]);
                ScriptAction::Send(Box::new(MessageDraft { class, channels, idempotency_key: None, ..draft }))
            }
        };
        actions.push((at, action));
    }
    actions
}
