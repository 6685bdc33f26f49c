//! What the script's contacts agreed to, by nothing but the order in which it was recorded. The gateway goes by times, which may
//! be claimed and which a calendar that is set makes worthless; whatever they say, nobody is written to after a later no.

use std::collections::BTreeMap;
use std::sync::Mutex;

use relevo::model::{BrandId, Channel, ConsentAction, ContactId, Topic, TopicScope};

/// An entry of a ledger: what was said, and of what.
type Said = (ConsentAction, Channel, TopicScope);

/// The entries of every contact, oldest first. Those that texts make are not among them: a stop only forbids more, and a start
/// gives back what was granted here.
#[derive(Default)]
pub struct RecordedConsents(Mutex<BTreeMap<(BrandId, ContactId), Vec<Said>>>);

impl RecordedConsents {
    /// Adds what was just recorded.
    pub fn add(&self, brand: &BrandId, contact: &ContactId, said: Said) {
        self.0.lock().unwrap().entry((brand.clone(), contact.clone())).or_default().push(said);
    }

    /// The contact is gone, and whoever gets its id has said nothing.
    pub fn forget(&self, brand: &BrandId, contact: &ContactId) {
        self.0.lock().unwrap().remove(&(brand.clone(), contact.clone()));
    }

    /// What was recorded last of everything that covers the topic on the channel.
    pub fn last(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        channel: Channel,
        topic: &Topic,
    ) -> Option<ConsentAction> {
        let all = self.0.lock().unwrap();
        let mut said = all.get(&(brand.clone(), contact.clone()))?.iter().rev();
        said.find(|(_, of, scope)| *of == channel && scope.covers(topic)).map(|(action, ..)| *action)
    }
}
