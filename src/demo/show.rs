//! The show itself, scene by scene.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use super::cast::{Person, cast};
use super::client::DemoClient;
use super::script::Script;
use super::telling::{Summary, journey};
use super::watch::Watch;
use super::{opening, say};
use crate::model::Timestamp;
use crate::wire::v1;

/// What fails in the middle of the show, and its provider that is called first.
const DOMAIN: &str = "meta";
const MAIN: &str = "whatsapp-main";
const SPARE: &str = "whatsapp-spare";

/// More orders than a breaker ever needs to see to close.
const MAX_PROBES: usize = 20;

/// The show.
pub(super) struct Show {
    client: DemoClient,
    people: Vec<Person>,
    script: Script,
    watch: Watch,
}

/// How it went.
pub(super) struct Tale {
    summary: Summary,
    /// The id of a message that fell back.
    pub worth_a_look: Option<String>,
}

impl Tale {
    /// Whether the gateway kept its word.
    ///
    /// # Errors
    /// When it lost a message.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        match self.summary.lost.len() {
            0 => Ok(()),
            lost => bail!("{lost} of {} messages were lost", self.summary.accepted),
        }
    }
}

impl Show {
    /// Brings in the people and starts to watch. `now` is the time.
    pub(super) async fn open(mut client: DemoClient, now: Timestamp) -> anyhow::Result<Self> {
        let people = cast(now);
        let roster = opening::enter(&mut client, &people, now).await?;
        let watch = Watch::start(client.clone(), roster).await?;
        Ok(Self { client, people, script: Script::default(), watch })
    }

    /// Plays every scene, and sums up.
    pub(super) async fn play(&mut self) -> anyhow::Result<Tale> {
        self.normal_day().await?;
        self.outage().await?;
        self.recovery().await?;
        self.sum_up().await
    }

    async fn normal_day(&mut self) -> anyhow::Result<()> {
        say("\n1. A normal day: order news, an offer and a newsletter for everybody\n")?;
        let orders = self.for_all(Script::order);
        for order in orders.clone() {
            let answer = self.client.send(order).await?;
            self.watch.add_sent(&[answer]);
        }
        let campaign = [self.for_all(Script::offer), self.for_all(Script::newsletter)].concat();
        self.stream(campaign).await?;
        self.watch.until("every message of a normal day is at its end", Watch::all_ended).await?;
        let repeated = self.client.stream(orders).await?;
        self.watch.add_sent(&repeated);
        let known = repeated.iter().filter(|own| own.duplicate).count();
        say(&format!(
            "\n   The shop did not hear the answers and sends its {} orders again, with the same idempotency keys:\n   \
             {known} are answered with the first message, and nothing is sent twice.",
            repeated.len()
        ))?;
        Ok(())
    }

    async fn outage(&mut self) -> anyhow::Result<()> {
        let hanging = self.client.behave(DOMAIN, v1::Behavior::Hang).await?;
        say(&format!(
            "\n2. {DOMAIN} goes down: {} take calls and never answer.\n   \
             What is in flight waits for its time-out and goes another way. An offer does not, since it may have\n   \
             arrived: nobody wants adverts twice\n",
            hanging.join(" and ")
        ))?;
        let mut first = self.for_all(Script::order);
        first.extend(["ana", "kira"].map(|person| self.script.offer(person)));
        self.stream(first).await?;
        self.watch.until("the breaker of the first provider opens", |own| is_open(own, MAIN)).await?;
        let second = self.for_all(Script::order);
        self.stream(second).await?;
        self.watch.until("the breaker of the second provider opens", |own| is_open(own, SPARE)).await?;
        say("\n   Both breakers are open: from here on nobody waits for a time-out\n")?;
        let third = [self.for_all(Script::order), self.for_all(Script::offer)].concat();
        self.stream(third).await?;
        self.watch.until("every message is at its end or waits on disk", Watch::all_ended_or_waiting).await?;
        self.tell_waiting().await
    }

    /// Tells what waits on disk, as the gateway lists it.
    async fn tell_waiting(&mut self) -> anyhow::Result<()> {
        let states = vec![v1::MessageState::Waiting.into()];
        let request = v1::ListMessagesRequest { states, page_size: 1_000, ..Default::default() };
        let listed = self.client.messages.list_messages(request).await.context("ListMessages failed")?;
        let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
        for message in listed.into_inner().messages {
            *waiting.entry(message.contact_id).or_default() += 1;
        }
        let waiting: Vec<_> =
            waiting.into_iter().map(|(person, count)| format!("{count} for {person}")).collect();
        say(&format!("\n   On disk, waiting for a way to open or a night to end: {}", waiting.join(", ")))?;
        Ok(())
    }

    async fn recovery(&mut self) -> anyhow::Result<()> {
        let back = self.client.behave(DOMAIN, v1::Behavior::Accept).await?;
        say(&format!(
            "\n3. {DOMAIN} is back: {} answer again.\n   \
             What waited flows by itself, and probes close the breaker\n",
            back.join(" and ")
        ))?;
        self.watch.until("what waited is at its end", |own| own.all_ended() && !is_open(own, MAIN)).await?;
        self.close_the_breaker().await?;
        say("\n   The breaker is closed, and everything goes its first way again\n")?;
        let last = [self.for_all(Script::order), self.for_all(Script::offer)].concat();
        self.stream(last).await?;
        self.watch.until("every message is at its end", Watch::all_ended).await
    }

    /// Sends one order after the other until the breaker has seen enough of them go through.
    async fn close_the_breaker(&mut self) -> anyhow::Result<()> {
        for _ in 0..MAX_PROBES {
            if is_closed(&self.watch, MAIN) {
                return Ok(());
            }
            let probe = self.script.order("ana");
            let answer = self.client.send(probe).await?;
            self.watch.add_sent(&[answer]);
            self.watch.until("the order is at its end", Watch::all_ended).await?;
        }
        bail!("the breaker of {MAIN} did not close after {MAX_PROBES} messages")
    }

    async fn sum_up(&mut self) -> anyhow::Result<Tale> {
        let ids = self.watch.accepted().to_vec();
        let mut messages = Vec::with_capacity(ids.len());
        for id in &ids {
            messages.push(self.client.message(id).await?);
        }
        let outbox = self.client.outbox().await?;
        let roster = self.watch.roster();
        let known = ids.iter().map(String::as_str).zip(messages.iter().map(Option::as_ref));
        let summary = Summary::new(known, &outbox, roster);
        say(&format!("\nSummary, by what the gateway answers for each message\n\n{}", summary.text()))?;
        let accounted = summary.accepted - summary.lost.len();
        say(&format!("{accounted} of {} acknowledged messages are accounted for.", summary.accepted))?;
        let fell_back = messages.iter().flatten().find(|own| journey(own, roster).failed_first());
        Ok(Tale { worth_a_look: fell_back.map(|own| own.message_id.clone()), summary })
    }

    async fn stream(&mut self, messages: Vec<v1::MessageSpec>) -> anyhow::Result<()> {
        let answers = self.client.stream(messages).await?;
        self.watch.add_sent(&answers);
        Ok(())
    }

    fn for_all(&mut self, write: impl Fn(&mut Script, &str) -> v1::MessageSpec) -> Vec<v1::MessageSpec> {
        self.people.iter().map(|person| write(&mut self.script, person.id)).collect()
    }
}

fn is_open(watch: &Watch, provider: &str) -> bool {
    watch.breaker(provider) == v1::BreakerState::Open
}

fn is_closed(watch: &Watch, provider: &str) -> bool {
    watch.breaker(provider) == v1::BreakerState::Closed
}
