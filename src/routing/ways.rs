//! Every way a message could take, whether it may be taken now, and what keeps it.

use super::{AddressVerdict, ProviderOffer, RecipientView, RoutingContext, channel_order, provider_order};
use crate::model::{
    Address, AdmissionRefusal, Attempt, Channel, Decision, LeftOut, Outcome, Plan, Provider, ProviderName,
    Rejection, RenderError, RenderedContent, Timestamp, Verdict, WaitReason, Way, later,
};

/// A way that may be taken, now or later.
#[derive(Debug)]
pub(super) struct WayCandidate {
    /// The way.
    pub way: Way,
    /// What would be sent.
    pub content: RenderedContent,
    /// The place of its channel in the order.
    pub rank: usize,
    /// When it may be taken: not after `now` means now.
    pub ready_at: Timestamp,
    /// What keeps it until then.
    pub blocker: Option<Blocker>,
    /// Whether something in its failure domain already failed this message.
    pub domain_failed: bool,
}

/// What keeps a way for a while.
#[derive(Debug, Clone)]
pub(super) struct Blocker {
    /// Why, for the history.
    pub why: WaitReason,
    /// Whether it is only that we are too fast.
    pub throttle: bool,
}

/// The ways found, and the plan as people will read it.
#[derive(Debug)]
pub(super) struct WaySurvey {
    /// The ways that may be taken, now or later; those to prefer first.
    pub candidates: Vec<WayCandidate>,
    /// The plan.
    pub plan: Plan,
}

/// Finds every way. Attempts that were sent count as failed: whoever asks for another way has given them up.
pub(super) fn find_ways(situation: &RoutingContext<'_>, person: RecipientView<'_>) -> WaySurvey {
    let (channels, order_source) = channel_order(situation.message, person.preferences, situation.policy);
    let attempts = situation.history.attempts();
    let mut search =
        WaySearch { situation, attempts: &attempts, candidates: Vec::new(), left_out: Vec::new() };
    let mut verdicts = Vec::new();
    for (rank, channel) in channels.into_iter().enumerate() {
        let judged: Vec<&AddressVerdict> =
            person.verdicts.iter().filter(|own| own.verdict.channel == channel).collect();
        verdicts.extend(judged.iter().map(|own| own.verdict.clone()));
        search.channel(rank, channel, &judged);
    }
    let WaySearch { mut candidates, mut left_out, .. } = search;
    // What failed together may be down together: everything else first. The sort is stable, so the order stands.
    candidates.sort_by_key(|candidate| candidate.domain_failed);
    let now = situation.now;
    let ready = candidates.iter().filter(|candidate| candidate.ready_at <= now);
    let ways = ready.map(|candidate| candidate.way.clone()).collect();
    left_out.extend(candidates.iter().filter(|candidate| candidate.ready_at > now).filter_map(blocked_way));
    WaySurvey { candidates, plan: Plan { verdicts, ways, left_out, order_source } }
}

fn blocked_way(candidate: &WayCandidate) -> Option<LeftOut> {
    let why = &candidate.blocker.as_ref()?.why;
    Some(LeftOut {
        channel: candidate.way.channel,
        address: Some(candidate.way.address.clone()),
        provider: Some(candidate.way.provider.clone()),
        reason: why.reason.clone(),
        explanation: why.explanation.clone(),
    })
}

struct WaySearch<'a> {
    situation: &'a RoutingContext<'a>,
    attempts: &'a [Attempt<'a>],
    candidates: Vec<WayCandidate>,
    left_out: Vec<LeftOut>,
}

impl WaySearch<'_> {
    fn channel(&mut self, rank: usize, channel: Channel, judged: &[&AddressVerdict]) {
        if judged.is_empty() {
            return self.leave_out(
                channel,
                None,
                "no_address",
                "The contact has no address for it.".to_owned(),
            );
        }
        if let Some(attempt) =
            self.attempts.iter().find(|own| own.way.channel == channel && content_refused(own))
        {
            let why = format!("{} refused the content in attempt {}.", attempt.way.provider, attempt.number);
            return self.leave_out(channel, None, "content_rejected", why);
        }
        let mut offers: Vec<ProviderOffer<'_>> = self.situation.providers.to_vec();
        offers.retain(|offer| offer.provider.channel == channel);
        if offers.is_empty() {
            let why = "No provider carries it for this brand.".to_owned();
            return self.leave_out(channel, None, "no_provider", why);
        }
        provider_order(self.situation.message.id, &mut offers, |offer| offer.provider);
        for own in judged {
            self.address(rank, own, &offers);
        }
    }

    fn address(&mut self, rank: usize, judged: &AddressVerdict, offers: &[ProviderOffer<'_>]) {
        let Verdict { channel, address, decision, reason, explanation } = &judged.verdict;
        if *decision == Decision::Deny {
            return self.leave_out(*channel, Some(address), reason, explanation.clone());
        }
        if let Some(why) = self.address_exhausted(*channel, address) {
            return self.leave_out(*channel, Some(address), "tried", why);
        }
        let mut empty = Vec::new();
        for offer in offers {
            let name = &offer.provider.name;
            let open = judged.window.is_open_at(name);
            let refused = self.attempts.iter().find(|own| own.way.provider == *name && policy_refused(own));
            match (refused, self.situation.message.content.render(*channel, open)) {
                (_, Err(unfit)) => empty.push((name, open, unfit)),
                (Some(attempt), Ok(_)) => self.left_out.push(policy_rejected(&judged.verdict, attempt)),
                (None, Ok(content)) => {
                    self.candidates.push(self.candidate(rank, &judged.verdict, offer, content));
                }
            }
        }
        let nowhere = empty.len() == offers.len();
        for (name, open, unfit) in empty {
            let provider = (!nowhere).then(|| name.clone());
            self.left_out.push(not_renderable(*channel, address, provider, open, unfit));
            if nowhere {
                break;
            }
        }
    }

    fn candidate(
        &self,
        rank: usize,
        verdict: &Verdict,
        offer: &ProviderOffer<'_>,
        content: RenderedContent,
    ) -> WayCandidate {
        let Provider { name, failure_domain, .. } = offer.provider;
        let held = self.hold_blocker(verdict);
        let refused = self.admission_blocker(offer);
        let backing_off = self.backoff_blocker(verdict.channel, &verdict.address, offer.provider);
        // The longest of what keeps it says when; a hold is the reason a person should read first.
        let last =
            [held, refused, backing_off].into_iter().flatten().reduce(|a, b| if b.0 > a.0 { b } else { a });
        let (ready_at, hindrance) = match last {
            Some((until, hindrance)) if until > self.situation.now => (until, Some(hindrance)),
            _ => (self.situation.now, None),
        };
        WayCandidate {
            way: Way {
                channel: verdict.channel,
                address: verdict.address.clone(),
                provider: name.clone(),
                failure_domain: failure_domain.clone(),
            },
            content,
            rank,
            ready_at,
            blocker: hindrance,
            domain_failed: self
                .attempts
                .iter()
                .any(|own| own.way.failure_domain == *failure_domain && failed_in_domain(own)),
        }
    }

    fn hold_blocker(&self, verdict: &Verdict) -> Option<(Timestamp, Blocker)> {
        match verdict.decision {
            Decision::Hold { until } => {
                let why =
                    WaitReason { reason: verdict.reason.clone(), explanation: verdict.explanation.clone() };
                Some((until, Blocker { why, throttle: false }))
            }
            Decision::Allow | Decision::Deny => None,
        }
    }

    fn admission_blocker(&self, offer: &ProviderOffer<'_>) -> Option<(Timestamp, Blocker)> {
        let refusal = offer.admission.err()?;
        let name = &offer.provider.name;
        let recheck = std::time::Duration::from_millis(self.situation.retry.recheck_ms);
        let until = refusal.until().unwrap_or_else(|| later(self.situation.now, recheck));
        let (reason, explanation) = match refusal {
            AdmissionRefusal::OutOfService { .. } => {
                ("out_of_service", format!("An operator took {name} out of service."))
            }
            AdmissionRefusal::Draining { .. } => {
                ("draining", format!("{name} is being drained and takes no new message."))
            }
            AdmissionRefusal::BreakerOpen { .. } => {
                ("breaker_open", format!("The breaker of {name} is open: it failed too often."))
            }
            AdmissionRefusal::Throttled { .. } => ("throttled", format!("{name} asked us to slow down.")),
        };
        let why = WaitReason { reason: reason.to_owned(), explanation };
        Some((until, Blocker { why, throttle: matches!(refusal, AdmissionRefusal::Throttled { .. }) }))
    }

    /// How long the failures of this message at this provider keep the way.
    fn backoff_blocker(
        &self,
        channel: Channel,
        address: &Address,
        provider: &Provider,
    ) -> Option<(Timestamp, Blocker)> {
        let here = |own: &&Attempt<'_>| own.way.provider == provider.name && own.way.channel == channel;
        let failures = self.attempts.iter().filter(here).count();
        let last = self.attempts.iter().filter(here).rfind(|own| own.way.address == *address)?;
        let (ended_at, outcome) = last.ended?;
        let (retry, id) = (self.situation.retry, self.situation.message.id);
        let backoff = retry.backoff(id, u32::try_from(failures).unwrap_or(u32::MAX));
        let (wait, throttle) = match outcome {
            // A provider that says "now" is not taken at its word, or it would be called over and over.
            Outcome::Throttled { retry_after: Some(wait), .. } => ((*wait).max(retry.backoff(id, 1)), true),
            Outcome::Throttled { retry_after: None, .. } => (backoff, true),
            _ => (backoff, false),
        };
        let reason = if throttle { "throttled" } else { "backoff" };
        let explanation =
            format!("{} answered {} in attempt {}.", provider.name, outcome.as_str(), last.number);
        let why = WaitReason { reason: reason.to_owned(), explanation };
        Some((later(ended_at, wait), Blocker { why, throttle }))
    }

    /// Why an address of a channel is not tried again with this message, if so.
    fn address_exhausted(&self, channel: Channel, address: &Address) -> Option<String> {
        let mut here =
            self.attempts.iter().filter(|own| own.way.channel == channel && own.way.address == *address);
        let last = here.find(|own| address_refused(own) || own.is_sent() || own.reported_failed())?;
        let why = if address_refused(last) {
            format!("{} refused the address in attempt {}.", last.way.provider, last.number)
        } else {
            format!("Attempt {} was sent there and did not arrive in time.", last.number)
        };
        Some(why)
    }

    fn leave_out(&mut self, channel: Channel, address: Option<&Address>, reason: &str, explanation: String) {
        let (address, reason) = (address.cloned(), reason.to_owned());
        self.left_out.push(LeftOut { channel, address, provider: None, reason, explanation });
    }
}

fn address_refused(attempt: &Attempt<'_>) -> bool {
    let cause = match attempt.ended {
        Some((_, Outcome::Rejected { cause, .. })) => cause,
        _ => return false,
    };
    matches!(cause, Rejection::Address { .. } | Rejection::OptedOut { .. } | Rejection::CommercialOptedOut)
}

fn content_refused(attempt: &Attempt<'_>) -> bool {
    matches!(attempt.ended, Some((_, Outcome::Rejected { cause: Rejection::Content, .. })))
}

/// Whether a rule of this provider's forbids the message; another provider of the channel may have none.
fn policy_refused(attempt: &Attempt<'_>) -> bool {
    matches!(attempt.ended, Some((_, Outcome::Rejected { cause: Rejection::Policy, .. })))
}

/// Nothing to send through a provider, or through any.
fn not_renderable(
    channel: Channel,
    address: &Address,
    provider: Option<ProviderName>,
    window_open: bool,
    unfit: RenderError,
) -> LeftOut {
    let (reason, explanation) = match unfit {
        RenderError::Nothing if channel == Channel::Whatsapp && !window_open => {
            let why = "The 24-hour service window is closed, and the message brings no template.";
            ("window_closed", why.to_owned())
        }
        RenderError::Nothing => ("no_content", "The message brings nothing to send by it.".to_owned()),
        RenderError::TooLong(max) => {
            ("content_too_long", format!("The text has more than the {max} characters that it carries."))
        }
    };
    LeftOut { channel, address: Some(address.clone()), provider, reason: reason.to_owned(), explanation }
}

fn policy_rejected(verdict: &Verdict, attempt: &Attempt<'_>) -> LeftOut {
    LeftOut {
        channel: verdict.channel,
        address: Some(verdict.address.clone()),
        provider: Some(attempt.way.provider.clone()),
        reason: "policy_rejected".to_owned(),
        explanation: format!("A rule of {} forbade it in attempt {}.", attempt.way.provider, attempt.number),
    }
}

/// Whether the attempt failed in a way that its whole failure domain may share.
fn failed_in_domain(attempt: &Attempt<'_>) -> bool {
    matches!(attempt.ended, Some((_, Outcome::Unavailable { .. } | Outcome::Unknown { .. })))
}
