//! The traits over an ordered map with atomic batches.
//!
//! Every trait is implemented once, over the seam in `engine`: look at a consistent state, or run an operation that
//! reads and then writes, all of it or nothing. Two engines stand behind it: [`memory`] runs operations where they are
//! called, so that a simulation is deterministic; [`sled`] gathers them into groups and makes each group durable with one
//! flush. Records are protobuf (`records`); where each is kept is told in `keys` and nowhere else.

use std::sync::Arc;

use super::Stores;

mod engine;
mod keys;
mod paging;
mod records;
mod txn;

mod bodies;
mod contact_index;
mod journal;
mod message_events;
mod packs;
mod states;

mod claims;
mod due;
mod inbound;

mod access_keys;
mod consents;
mod contacts;
mod controls;
mod key_cache;
mod links;
mod listing;
mod messages;
mod purge;
mod queue;
mod receipts;

pub mod memory;
pub mod sled;

use bodies::RecentBodies;
use engine::Engine;
use key_cache::KeyCache;

/// The traits of the store over one engine. Claims are kept in memory (`desk`): the one process that has the store open
/// gave them, so a crash voids them, and what was claimed is due again.
struct Embedded<E> {
    engine: E,
    recent_bodies: Arc<RecentBodies>,
    key_cache: Arc<KeyCache>,
}

impl<E: Engine> Embedded<E> {
    fn stores(engine: E) -> Stores {
        let store = Arc::new(Self { engine, recent_bodies: Arc::default(), key_cache: Arc::default() });
        Stores {
            messages: store.clone(),
            work: store.clone(),
            inbound: store.clone(),
            contacts: store.clone(),
            consents: store.clone(),
            controls: store.clone(),
            links: store.clone(),
            keys: store,
        }
    }
}

impl Stores {
    /// A store that lasts as long as it is held. To outlive a simulated crash, keep a [`memory::Memory`] and open it
    /// again.
    pub fn memory() -> Self {
        memory::Memory::default().open()
    }
}
