//! Files and connections that the gateway may have open, beside what its settings can make it open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Config;

/// What is open besides connections: the store's files, the log, and what the runtime needs. A gateway at rest has 30 open.
const RESERVE: u64 = 100;

/// Raises the limit of this process to the most that the system lets it have. systemd and many shells start processes with
/// 1024, for the sake of programs that use `select`.
///
/// # Errors
/// When the system refuses it, which it has no reason to.
pub fn raise_limit() -> std::io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Lets the listeners take no more connections than leave the store and the calls to providers the files that they need.
pub(super) fn keep_reserve(config: &mut Config) {
    let Some(maximum) = getrlimit(Resource::Nofile).maximum else { return };
    let demand = OpenFiles::of(config);
    let wanted = demand.callers + demand.webhooks + demand.mail;
    // Providers are hardly ever all busy at once, so they alone do not take more than half.
    let left = maximum.saturating_sub(demand.providers + RESERVE).max(maximum / 2);
    if wanted <= left {
        return;
    }
    // Each gives up the same share.
    let share = |connections: usize| {
        let share = (connections as u64).saturating_mul(left) / wanted;
        usize::try_from(share).unwrap_or(connections).max(1)
    };
    config.server.max_connections = share(config.server.max_connections);
    if let Some(inbound) = &mut config.inbound {
        inbound.max_connections = share(inbound.max_connections);
        if let Some(mail) = &mut inbound.mail {
            mail.max_connections = share(mail.max_connections);
        }
    }
}

/// What is wrong when the settings can make the gateway open more than the system will let it.
pub(super) fn shortage(config: &Config) -> Option<String> {
    let maximum = getrlimit(Resource::Nofile).maximum?;
    let demand = OpenFiles::of(config);
    (maximum < demand.sum()).then(|| demand.told(maximum))
}

/// What the settings can make the gateway open.
struct OpenFiles {
    callers: u64,
    webhooks: u64,
    mail: u64,
    providers: u64,
}

impl OpenFiles {
    fn of(config: &Config) -> Self {
        let inbound = config.inbound.as_ref();
        let mail = inbound.and_then(|inbound| inbound.mail.as_ref());
        let providers = config.providers.iter().map(|provider| u64::from(provider.limits.max_concurrency));
        Self {
            callers: config.server.max_connections as u64,
            webhooks: inbound.map_or(0, |inbound| inbound.max_connections as u64),
            mail: mail.map_or(0, |mail| mail.max_connections as u64),
            providers: providers.sum(),
        }
    }

    fn sum(&self) -> u64 {
        self.callers + self.webhooks + self.mail + self.providers + RESERVE
    }

    fn told(&self, maximum: u64) -> String {
        let Self { callers, webhooks, mail, providers } = self;
        let parts = [
            ("server.max_connections", callers),
            ("inbound.max_connections", webhooks),
            ("inbound.mail.max_connections", mail),
            ("max_concurrency of all providers", providers),
            ("the store and the log", &RESERVE),
        ];
        let parts = parts.into_iter().filter(|(_, count)| **count > 0);
        let parts: Vec<_> = parts.map(|(name, count)| format!("{count} {name}")).collect();
        format!(
            "the system lets this process have {maximum} open, and the settings allow {}: {}. The listeners take fewer connections \
             than they may. Raise the hard limit to that \
             (LimitNOFILE= in systemd, --ulimit nofile= in Docker, ulimit -Hn in a shell), or lower the settings",
            self.sum(),
            parts.join(", ")
        )
    }
}
