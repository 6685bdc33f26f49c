//! Gathers what a decision rests on, and decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::incident_tracker::IncidentTracker;
use super::limits::WaitingOrder;
use super::queues::ProviderQueues;
use super::registry::ProviderRegistry;
use crate::consent::{self, ConsentQuery};
use crate::model::{
    Address, BrandId, CallScope, Channel, ContactAddress, History, Message, MessageClass, Moment,
    ProviderName, Recipient, RenderedContent, Timestamp, Topic, Verdict, Way,
};
use crate::routing::{
    self, AddressVerdict, BrandPolicy, RecipientView, RetrySettings, RoutingContext, RoutingDecision,
};
use crate::store::{ConsentStore, StoreError};

/// The policies of all brands.
pub type BrandPolicies = BTreeMap<BrandId, BrandPolicy>;

/// Gathers what a decision rests on, and decides. Cheap to clone.
#[derive(Clone)]
pub struct Planner {
    consents: Arc<dyn ConsentStore>,
    policies: Arc<BrandPolicies>,
    registry: ProviderRegistry,
    retry: Arc<RetrySettings>,
    queues: ProviderQueues,
}

impl Planner {
    /// A planner that learns from `queues` which providers are busy.
    pub fn new(
        consents: Arc<dyn ConsentStore>,
        policies: Arc<BrandPolicies>,
        registry: ProviderRegistry,
        retry: RetrySettings,
        queues: ProviderQueues,
    ) -> Self {
        Self { consents, policies, registry, retry: Arc::new(retry), queues }
    }

    /// The queues by which it knows who is busy.
    pub(super) fn queues(&self) -> &ProviderQueues {
        &self.queues
    }

    /// What to do next with `message` at `now`, given all that happened to it; `turn` is the provider of which it has a turn.
    ///
    /// # Errors
    /// When the store cannot read the recipient.
    pub async fn decide(
        &self,
        message: &Message,
        history: &History,
        turn: Option<&ProviderName>,
        now: Moment,
    ) -> Result<RoutingDecision, StoreError> {
        if routing::is_settled(message, history) {
            return Ok(RoutingDecision::without_plan(routing::RoutingStep::Idle));
        }
        let Some(policy) = self.policies.get(&message.brand) else {
            return Ok(routing::decide_without_brand(message, history, &self.retry, now.calendar));
        };
        let found = self.consents.recipient(&message.brand, &message.contact).await?;
        // Whoever has the id now may be somebody else than the message was meant for.
        let recipient = found.filter(|found| found.contact.incarnation == message.incarnation);
        let verdicts = recipient
            .as_ref()
            .map(|recipient| judge(message.class, &message.topic, recipient, policy, now.calendar));
        let person = recipient.as_ref().zip(verdicts.as_ref());
        let attempts = history.attempts();
        let tried = |name: &_| attempts.iter().any(|attempt| attempt.way.provider == *name);
        let mut offers = self.registry.admissions(&message.brand, tried, now);
        let order = self.waiting_order(message);
        for offer in offers.iter_mut().filter(|offer| turn != Some(&offer.provider.name)) {
            let name = &offer.provider.name;
            offer.expected_wait = self.queues.expected_wait(name, &order, offer.learned_rate);
        }
        Ok(routing::decide(&RoutingContext {
            message,
            history,
            recipient: person
                .map(|(recipient, verdicts)| RecipientView { preferences: &recipient.preferences, verdicts }),
            policy,
            providers: &offers,
            retry: &self.retry,
            now: now.calendar,
        }))
    }

    /// When a message has its turn among those that wait.
    pub(super) fn waiting_order(&self, message: &Message) -> WaitingOrder {
        let policy = self.policies.get(&message.brand);
        WaitingOrder::new(message, policy.map_or(0, |policy| policy.priority(&message.topic)))
    }

    /// The incidents of the providers that messages are planned for.
    pub fn incidents(&self) -> &IncidentTracker {
        self.registry.incidents()
    }

    /// What a call concerns that sends `content` of `brand` by `way`.
    pub fn call_scope(&self, brand: &BrandId, way: &Way, content: &RenderedContent) -> CallScope {
        CallScope::new(self.sender(brand, &way.provider), &way.address, content)
    }

    /// Who a message of `brand` comes from through `provider`; `None` for the provider's own.
    pub fn sender(&self, brand: &BrandId, provider: &ProviderName) -> Option<&str> {
        let provider = self.registry.provider(provider)?;
        provider.sender(brand, &self.policies.get(brand)?.senders)
    }

    /// The channels that no provider carries for a brand.
    pub fn unserved_channels(&self, brand: &BrandId) -> Vec<Channel> {
        let providers = self.registry.providers();
        let is_served = |channel: &Channel| {
            providers.iter().any(|provider| provider.channel == *channel && provider.serves(brand))
        };
        Channel::ALL.into_iter().filter(|channel| !is_served(channel)).collect()
    }

    /// What consent says, at `now`, of every channel and address of `recipient`.
    pub fn verdicts(
        &self,
        brand: &BrandId,
        class: MessageClass,
        topic: &Topic,
        recipient: &Recipient,
        now: Timestamp,
    ) -> Vec<Verdict> {
        let Some(policy) = self.policies.get(brand) else { return Vec::new() };
        judge(class, topic, recipient, policy, now).into_iter().map(|judged| judged.verdict).collect()
    }
}

fn judge(
    class: MessageClass,
    topic: &Topic,
    recipient: &Recipient,
    policy: &BrandPolicy,
    now: Timestamp,
) -> Vec<AddressVerdict> {
    let ways = Channel::ALL
        .into_iter()
        .flat_map(|channel| recipient.contact.addresses_for(channel).map(move |entry| (channel, entry)));
    let judge = |(channel, entry): (Channel, &ContactAddress)| {
        let address: &Address = &entry.address;
        let verdict = consent::decide(
            &ConsentQuery { class, topic, channel, address },
            recipient,
            &policy.time_zone,
            now,
        );
        AddressVerdict { verdict, window: entry.service_window_at(now) }
    };
    ways.map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::work::tests::stored;
    use crate::model::{MessageEventDetail, MessageState, MonotonicTime, Outcome, Reason, Way};
    use crate::routing::RoutingStep;
    use crate::store::Stores;

    #[tokio::test]
    async fn without_its_brand_a_message_waits_until_it_expires_and_ends_as_far_as_it_came() {
        let registry = ProviderRegistry::new(vec![], &crate::health::HealthSettings::default(), vec![]);
        let consents = Stores::memory().consents;
        let planner = Planner::new(
            consents,
            Arc::default(),
            registry,
            RetrySettings::default(),
            ProviderQueues::default(),
        );
        let stored = stored();
        let (message, mut history) = (stored.message, stored.history);
        let moment = |calendar| Moment { calendar, monotonic: MonotonicTime::default() };
        let step = async |history: &History, at| {
            planner.decide(&message, history, None, moment(at)).await.unwrap().step
        };
        match step(&history, message.accepted_at).await {
            RoutingStep::Wait { until, why } => {
                assert!(message.accepted_at < until && until <= message.expire_at, "{until}");
                assert_eq!(why.reason, Reason::BrandUnknown);
            }
            other => panic!("{other:?}"),
        }
        let final_state = async |history: &History| match step(history, message.expire_at).await {
            RoutingStep::Finish { state, .. } => state,
            other => panic!("{other:?}"),
        };
        assert_eq!(final_state(&history).await, MessageState::Expired);
        let way = Way {
            channel: Channel::Telegram,
            address: Address::telegram(7).unwrap(),
            provider: "tg-1".parse().unwrap(),
            failure_domain: "telegram".to_owned(),
        };
        history.push(message.accepted_at, MessageEventDetail::AttemptStarted { attempt: 1, way });
        let outcome = Outcome::sent("1");
        history.push(message.accepted_at, MessageEventDetail::AttemptFinished { attempt: 1, outcome });
        history.push(
            message.accepted_at,
            MessageEventDetail::FellBack { attempt: 1, explanation: String::new() },
        );
        assert_eq!(final_state(&history).await, MessageState::Sent, "a provider has it");
    }
}
