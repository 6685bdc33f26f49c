//! Budgets of bytes: how much of what is unfinished one connection, one key and all together may hold in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::KeyId;

/// One bound on bytes. Clones share it.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    setting: &'static str,
    max: usize,
    free: Arc<Semaphore>,
}

/// The budget that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetExhausted {
    /// The setting that bounds it.
    pub setting: &'static str,
    /// Its value, in bytes.
    pub max: usize,
}

/// The budgets by key and in all, from which those of a caller are made.
#[derive(Debug)]
pub struct ByteBudgets {
    all: ByteBudget,
    key: ByteBudget,
    /// As many as keys have called: few, and each is small.
    keys: Mutex<HashMap<KeyId, ByteBudget>>,
}

/// What one key may hold on one connection: its budgets, the narrowest first.
#[derive(Debug, Clone)]
pub struct CallerBudget([ByteBudget; 3]);

/// Bytes that are held; dropping them gives them back.
#[derive(Debug)]
pub struct HeldBytes([OwnedSemaphorePermit; 3]);

impl ByteBudget {
    /// At most `max` bytes, because of `setting`.
    pub fn new(setting: &'static str, max: usize) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self { setting, max, free: Arc::new(Semaphore::new(max)) }
    }

    /// Another one with the same bound.
    pub fn another(&self) -> Self {
        Self::new(self.setting, self.max)
    }

    fn exhausted(&self) -> BudgetExhausted {
        BudgetExhausted { setting: self.setting, max: self.max }
    }
}

impl ByteBudgets {
    /// `all` for all callers together, and one such as `key` for each of them.
    pub fn new(all: ByteBudget, key: ByteBudget) -> Self {
        Self { all, key, keys: Mutex::default() }
    }

    /// What `key` may hold on the connection whose budget is `connection`.
    pub fn of(&self, key: &KeyId, connection: &ByteBudget) -> CallerBudget {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = match keys.get(key) {
            Some(known) => known.clone(),
            None => keys.entry(key.clone()).or_insert(self.key.another()).clone(),
        };
        CallerBudget([connection.clone(), of_key, self.all.clone()])
    }
}

impl CallerBudget {
    /// Holds so many bytes.
    ///
    /// # Errors
    /// Which budget is used up; then none are held.
    pub fn try_hold(&self, bytes: usize) -> Result<HeldBytes, BudgetExhausted> {
        let hold = |budget: &ByteBudget| {
            Arc::clone(&budget.free).try_acquire_many_owned(permits(bytes)).map_err(|_| budget.exhausted())
        };
        let [connection, key, all] = &self.0;
        Ok(HeldBytes([hold(connection)?, hold(key)?, hold(all)?]))
    }

    /// Holds so many bytes as soon as there is room for them.
    pub async fn hold(self, bytes: usize) -> HeldBytes {
        let hold = async |budget: ByteBudget| {
            // More than there is in all would be waited for without end.
            let bytes = bytes.min(budget.max);
            budget.free.acquire_many_owned(permits(bytes)).await.expect("the semaphore is never closed")
        };
        let [connection, key, all] = self.0;
        HeldBytes([hold(connection).await, hold(key).await, hold(all).await])
    }
}

impl HeldBytes {
    /// Adds what `more` holds.
    pub fn merge(&mut self, more: Self) {
        for (held, more) in self.0.iter_mut().zip(more.0) {
            held.merge(more);
        }
    }

    /// Takes so many bytes out, or all when there are fewer.
    pub fn take(&mut self, bytes: usize) -> Self {
        Self(self.0.each_mut().map(|held| {
            let bytes = bytes.min(held.num_permits());
            held.split(bytes).expect("no more than there are")
        }))
    }

    /// How many bytes are held.
    pub fn bytes(&self) -> usize {
        self.0[0].num_permits()
    }
}

/// Semaphores take u32 at once. No message is that large.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_budget_refuses_what_goes_beyond_it_and_gets_back_what_was_held() {
        let budgets = ByteBudgets::new(ByteBudget::new("all", 100), ByteBudget::new("key", 60));
        let connection = ByteBudget::new("connection", 40);
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let first = budgets.of(&one, &connection);
        let mut held = first.try_hold(40).unwrap();
        assert_eq!(first.try_hold(1).unwrap_err().setting, "connection");
        let second = budgets.of(&one, &connection.another());
        assert_eq!(second.try_hold(21).unwrap_err(), BudgetExhausted { setting: "key", max: 60 });
        let _all_of_it = second.try_hold(20).unwrap();
        let other = budgets.of(&two, &ByteBudget::new("connection", 1_000));
        assert_eq!(other.try_hold(41).unwrap_err().setting, "all");
        let half = held.take(20);
        assert_eq!((half.bytes(), held.bytes()), (20, 20));
        drop(half);
        held.merge(first.try_hold(20).unwrap());
        assert_eq!(held.bytes(), 40);
        drop(held);
        assert_eq!(first.try_hold(40).unwrap().bytes(), 40);
    }
}
