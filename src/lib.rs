//! Relevo: a self-hosted multichannel outreach gateway with failover.
//!
//! The rooms, in reading order; ARCHITECTURE.md draws how they fit together.

pub mod clock;
pub mod model;
pub mod secret;
pub mod wire;

pub mod store;

pub mod consent;
pub mod health;
pub mod incident;
pub mod routing;

pub mod dispatch;
pub mod listener;

pub mod inbound;

pub mod adapters;
pub mod api;

pub mod config;
pub mod telemetry;

pub mod app;
pub mod cli;
pub mod demo;
