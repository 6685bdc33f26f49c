//! Every way a message could take, whether it may be taken now, and what blocks it.

use std::time::Duration;

use super::blockers::{Blocker, longest_blocker};
use super::step::RoutingStep;
use super::{
    AddressVerdict, ProviderAdmission, RecipientView, RoutingContext, channel_order, provider_order,
};
use crate::model::{
    Address, Attempt, Channel, ConsentDecision, LeftOut, Outcome, Plan, Provider, ProviderName, Reason,
    ReceiptStatus, Rejection, RenderError, RenderedContent, ServiceWindow, Timestamp, Verdict, Way,
};

/// A way that may be taken, now or later.
#[derive(Debug)]
pub(super) struct WayCandidate {
    /// The way.
    pub way: Way,
    /// What would be sent.
    pub content: RenderedContent,
    /// The rank of its channel in the order, from 0.
    pub rank: usize,
    /// When it may be taken: not after `now` means now.
    pub ready_at: Timestamp,
    /// What blocks it until then.
    pub blocker: Option<Blocker>,
    /// How long its provider is expected to let it wait once nothing blocks it.
    pub expected_wait: Duration,
    /// The tier of its provider.
    pub tier: u32,
    /// Whether a provider of its failure domain already failed this message.
    pub domain_failed: bool,
}

impl WayCandidate {
    /// Of two ways for which this is the same, one stands in for the other at once.
    pub fn preference(&self) -> (bool, usize, u32) {
        (self.domain_failed, self.rank, self.tier)
    }

    /// The step that takes it.
    pub fn to_step(&self) -> RoutingStep {
        RoutingStep::Try { way: self.way.clone(), content: self.content.clone() }
    }
}

/// The ways found, and the plan as people will read it.
#[derive(Debug)]
pub(super) struct WaySurvey {
    /// The ways that may be taken, now or later; those to prefer first.
    pub candidates: Vec<WayCandidate>,
    /// The channels that it would go by, if a provider that carried them when it was accepted were back.
    pub missing: Vec<Channel>,
    /// The plan.
    pub plan: Plan,
}

/// Finds every way. An attempt that was sent counts as given up: whoever asks for another way does not wait for it. Another failure
/// domain may carry the message to the same address, where the attempt may have failed for its provider's sake.
pub(super) fn find_ways(context: &RoutingContext<'_>, recipient: RecipientView<'_>) -> WaySurvey {
    let (channels, order_source) = channel_order(context.message, recipient.preferences, context.policy);
    let attempts = context.history.attempts();
    let mut search = WaySearch {
        context,
        attempts: &attempts,
        candidates: Vec::new(),
        missing: Vec::new(),
        left_out: Vec::new(),
    };
    let mut verdicts = Vec::new();
    for (rank, channel) in channels.into_iter().enumerate() {
        let of_channel = recipient.verdicts.iter().filter(|judged| judged.verdict.channel == channel);
        let judged: Vec<&AddressVerdict> = of_channel.collect();
        verdicts.extend(judged.iter().map(|judged| judged.verdict.clone()));
        search.channel(rank, channel, &judged);
    }
    let WaySearch { mut candidates, missing, mut left_out, .. } = search;
    // Providers that fail together may be down together: everything else comes first. The sort is stable, so the order stands.
    candidates.sort_by_key(|candidate| candidate.domain_failed);
    let (ready, blocked): (Vec<_>, Vec<_>) =
        candidates.iter().partition(|candidate| candidate.ready_at <= context.now);
    let ways = ready.into_iter().map(|candidate| candidate.way.clone()).collect();
    left_out.extend(blocked.into_iter().filter_map(blocked_way));
    WaySurvey { candidates, missing, plan: Plan { verdicts, ways, left_out, order_source } }
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
    context: &'a RoutingContext<'a>,
    attempts: &'a [Attempt<'a>],
    candidates: Vec<WayCandidate>,
    missing: Vec<Channel>,
    left_out: Vec<LeftOut>,
}

impl WaySearch<'_> {
    fn channel(&mut self, rank: usize, channel: Channel, judged: &[&AddressVerdict]) {
        if judged.is_empty() {
            let why = "The contact has no address for it.".to_owned();
            return self.leave_out(channel, None, Reason::NoAddress, why);
        }
        let on_channel = |attempt: &&Attempt<'_>| attempt.way.channel == channel;
        if let Some(attempt) =
            self.attempts.iter().filter(on_channel).find(|attempt| content_rejected(attempt))
        {
            let why = format!("{} refused the content in attempt {}.", attempt.way.provider, attempt.number);
            return self.leave_out(channel, None, Reason::ContentRejected, why);
        }
        let mut offers: Vec<ProviderAdmission<'_>> = self.context.providers.to_vec();
        offers.retain(|offer| offer.provider.channel == channel);
        if offers.is_empty() {
            if self.waits_for_provider(channel, judged) {
                self.missing.push(channel);
            }
            let why = "No provider carries it for this brand.".to_owned();
            return self.leave_out(channel, None, Reason::NoProvider, why);
        }
        provider_order(self.context.message.id, &mut offers);
        for judged in judged {
            self.address(rank, judged, &offers);
        }
    }

    /// Whether the message would go by `channel`, now or later, if a provider that carried it were back.
    fn waits_for_provider(&self, channel: Channel, judged: &[&AddressVerdict]) -> bool {
        let message = self.context.message;
        let takes = |judged: &AddressVerdict| {
            let AddressVerdict { verdict, window } = judged;
            let is_open = *window != ServiceWindow::Only(Vec::new());
            verdict.decision != ConsentDecision::Deny
                && !self
                    .attempts_to(channel, &verdict.address)
                    .any(|attempt| attempt.is_sent() || attempt.reported_failed())
                && self.address_exhausted(channel, &verdict.address).is_none()
                && message.content.render(channel, is_open).is_ok()
        };
        !message.unserved.contains(&channel) && judged.iter().any(|judged| takes(judged))
    }

    fn address(&mut self, rank: usize, judged: &AddressVerdict, offers: &[ProviderAdmission<'_>]) {
        let Verdict { channel, address, decision, reason, explanation } = &judged.verdict;
        if *decision == ConsentDecision::Deny {
            return self.leave_out(*channel, Some(address), reason.clone(), explanation.clone());
        }
        if let Some(why) = self.address_exhausted(*channel, address) {
            return self.leave_out(*channel, Some(address), Reason::AddressTried, why);
        }
        let mut unrenderable = Vec::new();
        let (offers, others): (Vec<_>, Vec<_>) =
            offers.iter().partition(|offer| offer.provider.sends_to(address));
        self.left_out.extend(
            others
                .iter()
                .map(|offer: &&ProviderAdmission<'_>| left_out_by_provider(&judged.verdict, offer.provider)),
        );
        for offer in &offers {
            let name = &offer.provider.name;
            let is_open = judged.window.is_open_for(name);
            if let Some(left_out) = self.left_out_by_domain(&judged.verdict, offer.provider) {
                self.left_out.push(left_out);
                continue;
            }
            let at_provider = |attempt: &&Attempt<'_>| attempt.way.provider == *name;
            let mut here = self.attempts.iter().filter(at_provider);
            let rejected = here.find(|attempt| rejected_here(attempt, address));
            match (rejected, self.context.message.content.render(*channel, is_open)) {
                (_, Err(error)) => unrenderable.push((name, is_open, error)),
                (_, Ok(content)) if needs_number(&content, address) => {
                    let why = "A template for authentication goes to phone numbers alone.".to_owned();
                    return self.leave_out(*channel, Some(address), Reason::NeedsPhoneNumber, why);
                }
                (Some(attempt), Ok(_)) => self.left_out.push(left_out_by_refusal(&judged.verdict, attempt)),
                (None, Ok(content)) => {
                    self.candidates.push(self.candidate(rank, &judged.verdict, offer, content));
                }
            }
        }
        let nowhere = unrenderable.len() == offers.len();
        for (name, is_open, error) in unrenderable {
            let provider = (!nowhere).then(|| name.clone());
            self.left_out.push(left_out_by_content(*channel, address, provider, is_open, error));
            if nowhere {
                break;
            }
        }
    }

    fn candidate(
        &self,
        rank: usize,
        verdict: &Verdict,
        offer: &ProviderAdmission<'_>,
        content: RenderedContent,
    ) -> WayCandidate {
        let Provider { name, failure_domain, tier, .. } = offer.provider;
        let now = self.context.now;
        let blocker = longest_blocker(self.context, self.attempts, verdict, offer, &content);
        let blocker = blocker.filter(|blocker| blocker.until > now);
        let of_domain = |attempt: &&Attempt<'_>| attempt.way.failure_domain == *failure_domain;
        let domain_failed = self.attempts.iter().filter(of_domain).any(failed_in_domain);
        let way = Way {
            channel: verdict.channel,
            address: verdict.address.clone(),
            provider: name.clone(),
            failure_domain: failure_domain.clone(),
        };
        let ready_at = blocker.as_ref().map_or(now, |blocker| blocker.until);
        WayCandidate {
            way,
            content,
            rank,
            ready_at,
            blocker,
            expected_wait: offer.expected_wait,
            tier: *tier,
            domain_failed,
        }
    }

    /// The attempts to an address of a channel.
    fn attempts_to<'b>(
        &'b self,
        channel: Channel,
        address: &'b Address,
    ) -> impl Iterator<Item = &'b Attempt<'b>> {
        self.attempts
            .iter()
            .filter(move |attempt| attempt.way.channel == channel && attempt.way.address == *address)
    }

    /// Why an address of a channel is not tried again with this message, by whomever, if it is not.
    fn address_exhausted(&self, channel: Channel, address: &Address) -> Option<String> {
        self.attempts_to(channel, address).find_map(|attempt| {
            let Attempt { number, way, receipt, .. } = attempt;
            // Only what did not arrive asks for another provider. A message that is there and unread asks for another channel.
            let awaits_delivery = self.context.message.fallback.undelivered_after.is_some();
            if address_rejected(attempt) {
                Some(format!("{} refused the address in attempt {number}.", way.provider))
            } else if attempt.reported_failed() {
                let objection = attempt.objection?;
                Some(format!("{} reported in attempt {number}: {}.", way.provider, objection.as_str()))
            } else if *receipt >= Some(ReceiptStatus::Delivered) {
                Some(format!("Attempt {number} was delivered there."))
            } else {
                let stands = attempt.is_sent() && !awaits_delivery;
                stands.then(|| format!("Attempt {number} was sent there."))
            }
        })
    }

    /// The way of a provider to an address, if an attempt there through its failure domain was taken and did not arrive.
    fn left_out_by_domain(&self, verdict: &Verdict, provider: &Provider) -> Option<LeftOut> {
        let of_domain = |attempt: &&Attempt<'_>| {
            attempt.way.provider == provider.name || attempt.way.failure_domain == provider.failure_domain
        };
        let mut attempts = self.attempts_to(verdict.channel, &verdict.address).filter(of_domain);
        let attempt = attempts.find(|attempt| attempt.is_sent() || attempt.reported_failed())?;
        let (number, by) = (attempt.number, &attempt.way.provider);
        let explanation = match attempt.reported_failed() {
            true => format!("{by} took attempt {number} there and reported that it could not be delivered."),
            false => format!("{by} took attempt {number} there, and it did not arrive in time."),
        };
        Some(LeftOut {
            channel: verdict.channel,
            address: Some(verdict.address.clone()),
            provider: Some(provider.name.clone()),
            reason: Reason::AddressTried,
            explanation,
        })
    }

    fn leave_out(
        &mut self,
        channel: Channel,
        address: Option<&Address>,
        reason: Reason,
        explanation: String,
    ) {
        let address = address.cloned();
        self.left_out.push(LeftOut { channel, address, provider: None, reason, explanation });
    }
}

fn address_rejected(attempt: &Attempt<'_>) -> bool {
    let cause = match attempt.ended {
        Some((_, Outcome::Rejected { cause, .. })) => cause,
        _ => return false,
    };
    // Who may have opted out is left alone, by whomever.
    matches!(
        cause,
        Rejection::Address { certain: true } | Rejection::OptedOut { .. } | Rejection::CommercialOptedOut
    )
}

fn content_rejected(attempt: &Attempt<'_>) -> bool {
    matches!(attempt.ended, Some((_, Outcome::Rejected { cause: Rejection::Content, .. })))
}

/// Whether this provider refuses the message, or doubts the address; another provider of the channel may take it.
fn rejected_here(attempt: &Attempt<'_>, address: &Address) -> bool {
    match attempt.ended {
        Some((_, Outcome::Rejected { cause: Rejection::Policy, .. })) => true,
        Some((_, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. })) => {
            attempt.way.address == *address
        }
        _ => false,
    }
}

/// Whether the attempt failed in a way that its whole failure domain may share.
fn failed_in_domain(attempt: &Attempt<'_>) -> bool {
    matches!(attempt.ended, Some((_, Outcome::Unavailable { .. } | Outcome::Unknown { .. })))
}

/// An address to which there is nothing to send through a provider, or through any.
fn left_out_by_content(
    channel: Channel,
    address: &Address,
    provider: Option<ProviderName>,
    window_open: bool,
    error: RenderError,
) -> LeftOut {
    let (reason, explanation) = match error {
        RenderError::NoContent if channel == Channel::Whatsapp && !window_open => {
            let why = "The 24-hour service window is closed, and the message brings no template.";
            (Reason::WindowClosed, why.to_owned())
        }
        RenderError::NoContent => (Reason::NoContent, "The message brings nothing to send by it.".to_owned()),
        RenderError::TooLong(max) => {
            let why = format!("The text has more than the {max} characters that it carries.");
            (Reason::ContentTooLong, why)
        }
    };
    LeftOut { channel, address: Some(address.clone()), provider, reason, explanation }
}

/// Whether WhatsApp carries the content to no user id (Cloud API, error 131062).
fn needs_number(content: &RenderedContent, address: &Address) -> bool {
    let is_authentication = matches!(content, RenderedContent::Template(template) if template.authentication);
    is_authentication && matches!(address, Address::WhatsappUser(_))
}

/// An address that a provider does not send to.
fn left_out_by_provider(verdict: &Verdict, provider: &Provider) -> LeftOut {
    LeftOut {
        channel: verdict.channel,
        address: Some(verdict.address.clone()),
        provider: Some(provider.name.clone()),
        reason: Reason::NeedsPhoneNumber,
        explanation: format!("{} sends to no user id of this business.", provider.name),
    }
}

fn left_out_by_refusal(verdict: &Verdict, attempt: &Attempt<'_>) -> LeftOut {
    let (provider, number) = (&attempt.way.provider, attempt.number);
    let (reason, explanation) = match attempt.ended {
        Some((_, Outcome::Rejected { cause: Rejection::Address { .. }, .. })) => {
            (Reason::AddressTried, format!("{provider} doubted the address in attempt {number}."))
        }
        _ => (Reason::PolicyRejected, format!("{provider} refused it in attempt {number}.")),
    };
    LeftOut {
        channel: verdict.channel,
        address: Some(verdict.address.clone()),
        provider: Some(provider.clone()),
        reason,
        explanation,
    }
}
