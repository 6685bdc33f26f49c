//! PURE. The one order of those who wait: by class, then brands in turn, then by the priority of the topic, by deadline and age.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::model::{BrandId, Message, MessageClass, MessageId, Timestamp};

/// While both classes wait, one of so many turns is a commercial message's: it should not wait for ever.
const TURNS_FOR_ONE_COMMERCIAL: u32 = 20;

/// So many of a brand are counted one by one to tell how many are before another: with more of them the wait is long in any case.
const MAX_COUNTED: usize = 4_096;

/// What decides when a message has its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingOrder {
    class: MessageClass,
    brand: BrandId,
    key: OrderKey,
}

/// Of two messages of one brand and class, the one of higher priority is first, then the one that ends first, and then the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct OrderKey {
    priority: Reverse<u32>,
    deadline: Timestamp,
    accepted_at: Timestamp,
    id: MessageId,
}

impl WaitingOrder {
    /// That of a message whose topic has this priority.
    pub fn new(message: &Message, priority: u32) -> Self {
        let key = OrderKey {
            priority: Reverse(priority),
            deadline: message.expire_at,
            accepted_at: message.accepted_at,
            id: message.id,
        };
        Self { class: message.class, brand: message.brand.clone(), key }
    }

    /// The message's class.
    pub fn class(&self) -> MessageClass {
        self.class
    }

    /// The message's brand.
    pub fn brand(&self) -> &BrandId {
        &self.brand
    }

    /// The message.
    pub fn id(&self) -> MessageId {
        self.key.id
    }
}

/// Those who wait, in the one order.
#[derive(Debug)]
pub struct OrderedQueue<T> {
    transactional: ClassQueue<T>,
    commercial: ClassQueue<T>,
    /// How many transactional turns there were in a row while commercial messages waited.
    passed_over: u32,
}

/// The brands that have messages of a class waiting; the first of them has the next turn.
#[derive(Debug)]
struct ClassQueue<T> {
    turns: VecDeque<BrandId>,
    brands: HashMap<BrandId, BTreeMap<OrderKey, T>>,
    len: usize,
}

/// Nobody waits.
impl<T> Default for OrderedQueue<T> {
    fn default() -> Self {
        Self { transactional: ClassQueue::default(), commercial: ClassQueue::default(), passed_over: 0 }
    }
}

impl<T> OrderedQueue<T> {
    /// How many wait.
    pub fn total(&self) -> usize {
        self.transactional.len + self.commercial.len
    }

    /// How many of a class wait.
    pub fn len(&self, class: MessageClass) -> usize {
        match class {
            MessageClass::Transactional => self.transactional.len,
            MessageClass::Commercial => self.commercial.len,
        }
    }

    /// About how many have their turn before one that would come now.
    pub fn ahead_of(&self, order: &WaitingOrder) -> usize {
        let transactional = self.transactional.ahead_of(order);
        match order.class {
            MessageClass::Transactional => transactional,
            MessageClass::Commercial => {
                let commercial = self.commercial.ahead_of(order);
                let turns = (commercial + 1).saturating_mul(TURNS_FOR_ONE_COMMERCIAL as usize);
                commercial + self.transactional.len.min(turns)
            }
        }
    }

    /// Whether anybody has their turn before one that would come now.
    pub fn is_before(&self, order: &WaitingOrder) -> bool {
        match order.class {
            MessageClass::Transactional => self.transactional.is_before(order),
            MessageClass::Commercial => self.transactional.len > 0 || self.commercial.is_before(order),
        }
    }

    /// How many of the same class and brand wait.
    pub fn len_beside(&self, order: &WaitingOrder) -> usize {
        let queue = match order.class {
            MessageClass::Transactional => &self.transactional,
            MessageClass::Commercial => &self.commercial,
        };
        queue.brands.get(&order.brand).map_or(0, BTreeMap::len)
    }

    /// Adds one.
    pub fn push(&mut self, order: &WaitingOrder, item: T) {
        self.of(order.class).push(&order.brand, order.key, item);
    }

    /// Takes out whoever has the next turn.
    pub fn pop(&mut self) -> Option<T> {
        let is_commercials_turn = self.commercial.len > 0 && self.passed_over + 1 >= TURNS_FOR_ONE_COMMERCIAL;
        if self.transactional.len == 0 || is_commercials_turn {
            self.passed_over = 0;
            return self.commercial.pop();
        }
        self.passed_over = if self.commercial.len > 0 { self.passed_over + 1 } else { 0 };
        self.transactional.pop()
    }

    /// Takes out one that waits no more.
    pub fn remove(&mut self, order: &WaitingOrder) -> Option<T> {
        self.of(order.class).remove(&order.brand, &order.key)
    }

    fn of(&mut self, class: MessageClass) -> &mut ClassQueue<T> {
        match class {
            MessageClass::Transactional => &mut self.transactional,
            MessageClass::Commercial => &mut self.commercial,
        }
    }
}

impl<T> Default for ClassQueue<T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), brands: HashMap::new(), len: 0 }
    }
}

impl<T> ClassQueue<T> {
    fn push(&mut self, brand: &BrandId, key: OrderKey, item: T) {
        if !self.brands.contains_key(brand) {
            self.turns.push_back(brand.clone());
        }
        let of_brand = self.brands.entry(brand.clone()).or_default();
        self.len += usize::from(of_brand.insert(key, item).is_none());
    }

    /// About how many have their turn before one that would come now: those of its brand that are before it, and as many turns of
    /// each other brand.
    fn ahead_of(&self, order: &WaitingOrder) -> usize {
        let of_brand = self.brands.get(&order.brand);
        let own = of_brand.map_or(0, |own| own.range(..order.key).take(MAX_COUNTED).count());
        let (len, others) = of_brand.map_or((0, self.brands.len()), |own| (own.len(), self.brands.len() - 1));
        own + (self.len - len).min((own + 1).saturating_mul(others))
    }

    /// Whether another brand waits, or one of the brand that comes first.
    fn is_before(&self, order: &WaitingOrder) -> bool {
        self.brands.iter().any(|(brand, waiting)| {
            *brand != order.brand || waiting.first_key_value().is_some_and(|(first, _)| *first < order.key)
        })
    }

    fn pop(&mut self) -> Option<T> {
        let brand = self.turns.pop_front()?;
        let of_brand = self.brands.get_mut(&brand)?;
        let (_, item) = of_brand.pop_first()?;
        self.len -= 1;
        if of_brand.is_empty() {
            self.brands.remove(&brand);
        } else {
            self.turns.push_back(brand);
        }
        Some(item)
    }

    fn remove(&mut self, brand: &BrandId, key: &OrderKey) -> Option<T> {
        let of_brand = self.brands.get_mut(brand)?;
        let item = of_brand.remove(key)?;
        self.len -= 1;
        if of_brand.is_empty() {
            self.brands.remove(brand);
            self.turns.retain(|other| other != brand);
        }
        Some(item)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The order of a message that ends at `deadline`, in seconds.
    pub fn order(class: MessageClass, brand: &str, deadline: i64, number: u64) -> WaitingOrder {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        let key = OrderKey {
            priority: Reverse(0),
            deadline: Timestamp::from_second(deadline).unwrap(),
            accepted_at: Timestamp::from_second(0).unwrap(),
            id: MessageId::new(1, &random),
        };
        WaitingOrder { class, brand: brand.parse().unwrap(), key }
    }

    const FIRST: MessageClass = MessageClass::Transactional;
    const SECOND: MessageClass = MessageClass::Commercial;

    fn drain(queue: &mut OrderedQueue<u64>) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn brands_take_turns_and_within_one_the_deadline_decides_and_then_the_age() {
        let mut queue = OrderedQueue::default();
        for (number, (brand, deadline)) in
            [("acme", 30), ("acme", 10), ("acme", 10), ("acme", 20), ("globex", 99), ("hooli", 98)]
                .into_iter()
                .enumerate()
        {
            queue.push(&order(FIRST, brand, deadline, number as u64), number as u64);
        }
        assert_eq!(queue.len_beside(&order(FIRST, "acme", 0, 0)), 4);
        assert_eq!(drain(&mut queue), [1, 4, 5, 2, 3, 0]);
        assert_eq!(queue.total(), 0);
    }

    #[test]
    fn a_higher_priority_goes_first_within_its_brand_and_takes_no_turn_of_another() {
        let mut queue = OrderedQueue::default();
        let with_priority = |brand, deadline, priority, number| {
            let mut order = order(FIRST, brand, deadline, number);
            order.key.priority = Reverse(priority);
            order
        };
        for (number, (brand, deadline, priority)) in
            [("acme", 10, 0), ("acme", 30, 5), ("globex", 99, 0), ("acme", 20, 5), ("globex", 10, 0)]
                .into_iter()
                .enumerate()
        {
            queue.push(&with_priority(brand, deadline, priority, number as u64), number as u64);
        }
        assert_eq!(drain(&mut queue), [3, 4, 1, 2, 0]);
    }

    #[test]
    fn commercial_messages_wait_for_transactional_ones_but_not_for_ever() {
        let mut queue = OrderedQueue::default();
        for number in 0..100 {
            queue.push(&order(SECOND, "acme", 0, number), number);
            queue.push(&order(FIRST, "acme", 0, 100 + number), 100 + number);
        }
        let order = drain(&mut queue);
        let commercial = order[..100].iter().filter(|number| **number < 100).count();
        assert_eq!(commercial, 5, "{order:?}");
        assert_eq!(order.len(), 200);
    }

    #[test]
    fn who_comes_now_has_before_them_what_comes_first_in_the_order() {
        let mut queue = OrderedQueue::default();
        for number in 0..10 {
            queue.push(&order(FIRST, "acme", 10 + number as i64, number), number);
            queue.push(&order(SECOND, "acme", 10, 100 + number), number);
        }
        queue.push(&order(FIRST, "globex", 10, 20), 20);
        assert!(queue.is_before(&order(FIRST, "acme", 5, 0)), "another brand's");
        queue.remove(&order(FIRST, "globex", 10, 20));
        assert!(!queue.is_before(&order(FIRST, "acme", 5, 0)));
        assert!(
            queue.is_before(&order(FIRST, "acme", 11, 99)) && queue.is_before(&order(SECOND, "acme", 5, 0))
        );
        queue.push(&order(FIRST, "globex", 10, 20), 20);
        for (class, brand, deadline, ahead) in [
            (FIRST, "acme", 5, 1),
            (FIRST, "acme", 13, 5),
            (FIRST, "acme", 99, 11),
            (FIRST, "hooli", 99, 2),
            (SECOND, "acme", 5, 11),
            (SECOND, "acme", 11, 21),
        ] {
            assert_eq!(
                queue.ahead_of(&order(class, brand, deadline, 999)),
                ahead,
                "{class:?} {brand} {deadline}"
            );
        }
    }

    #[test]
    fn whoever_is_removed_has_no_turn_and_costs_nobody_theirs() {
        let mut queue = OrderedQueue::default();
        for (number, brand) in ["acme", "globex", "acme"].into_iter().enumerate() {
            queue.push(&order(FIRST, brand, 0, number as u64), number as u64);
        }
        assert_eq!(queue.remove(&order(FIRST, "globex", 0, 1)), Some(1));
        assert_eq!(queue.remove(&order(FIRST, "globex", 0, 1)), None);
        assert_eq!((queue.len(FIRST), drain(&mut queue)), (2, vec![0, 2]));
        queue.push(&order(FIRST, "globex", 0, 3), 3);
        assert_eq!(drain(&mut queue), [3]);
    }
}
