//! The store's traits over an ordered map with atomic batches.
//!
//! # Why
//!
//! The traits speak of messages and consents. An ordered map speaks of keys and bytes, and there are two of them: [`sled`]
//! on disk, and [`memory`] for simulations. So the traits are implemented once, over an engine, and the simulation runs the
//! very index logic that production runs.
//!
//! # How it works
//!
//! An engine lets operations look at a consistent snapshot, or runs an operation that reads and then writes, all of it or
//! nothing. [`memory`] runs operations where they are called, so that a simulation is deterministic; [`sled`] gathers them
//! into groups and makes each group durable with one flush. What a group means outside the store, its effects, is published
//! when it is durable. Records are protobuf, and `keys` alone knows where each is kept.
//!
//! The files stand in layers, and each imports only from its own layer and those below it:
//!
//! | layer | files |
//! |---|---|
//! | opening | `memory`, `sled` |
//! | traits | `access_keys`, `backlog`, `clock`, `consents`, `contacts`, `controls`, `event_address`, `inbound`, `incidents`, `key_cache`, `links`, `listing`, `messages`, `paging`, `purge`, `queue`, `receipts`, `mod` |
//! | engine | `engine`, `event_signals` |
//! | due order and claims | `claims`, `due`, `due_upgrade` |
//! | histories | `message_events` |
//! | packs and journal | `address_owners`, `address_upgrade`, `bodies`, `contact_index`, `contact_links`, `journal`, `ledger`, `packs`, `preferences`, `ring_buffer`, `states`, `suppressions` |
//! | transactions | `effects`, `txn` |
//! | reading | `lookup` |
//! | keys and records | `keys`, `message_ref`, `records` |
//!
//! # How it recovers
//!
//! Whatever an operation wrote is durable when it is answered, with its index entries, because all of it was one batch.
//! Claims are kept in memory: the one process that has the store open gave them, so a crash voids them, and what was claimed
//! is due again. [`sled`] says how files are proven after a crash.

use std::sync::Arc;

use super::Stores;

#[cfg(test)]
mod counting_snapshot;
mod keys;
mod lookup;
mod message_ref;
mod records;

mod effects;
mod txn;

mod address_owners;
mod address_upgrade;
mod bodies;
mod contact_index;
mod contact_links;
mod journal;
mod ledger;
mod packs;
mod preferences;
mod ring_buffer;
mod states;
mod suppressions;

mod message_events;

mod claims;
mod due;
mod due_upgrade;

mod engine;
mod event_signals;

mod access_keys;
mod backlog;
mod clock;
mod consents;
mod contacts;
mod controls;
mod event_address;
mod inbound;
mod incidents;
mod key_cache;
mod links;
mod listing;
mod messages;
mod paging;
mod purge;
mod queue;
mod receipts;

pub mod memory;
pub mod sled;

use bodies::RecentBodies;
use engine::Engine;
use key_cache::KeyCache;

/// The traits of the store over one engine.
struct EmbeddedStore<E> {
    engine: E,
    recent_bodies: Arc<RecentBodies>,
    key_cache: Arc<KeyCache>,
}

impl<E: Engine> EmbeddedStore<E> {
    fn stores(engine: E) -> Stores {
        let status = engine.signals().status();
        let store = Arc::new(Self { engine, recent_bodies: Arc::default(), key_cache: Arc::default() });
        Stores {
            messages: store.clone(),
            work: store.clone(),
            inbound: store.clone(),
            contacts: store.clone(),
            consents: store.clone(),
            controls: store.clone(),
            incidents: store.clone(),
            links: store.clone(),
            keys: store.clone(),
            clock: store,
            status,
        }
    }
}
