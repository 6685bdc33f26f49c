//! The recovery: the failure domain answers again, what waited is sent, and probes close the breaker.

use anyhow::bail;

use super::composer::MessageComposer;
use super::monitor::GatewayMonitor;
use super::outage::{FAILURE_DOMAIN, FIRST_PROVIDER};
use super::output::print_line;
use super::shop::Shop;
use crate::wire::v1;

/// More orders than a breaker needs to see to close.
const MAX_PROBES: usize = 20;

/// Ends the outage, and sends messages until everything goes its first way again.
pub(super) async fn run(shop: &mut Shop) -> anyhow::Result<()> {
    let answering = shop.client.set_behavior(FAILURE_DOMAIN, v1::Behavior::Accept).await?;
    print_line(&format!(
        "\n3. {FAILURE_DOMAIN} is back: {} answer again.\n   \
         What waited flows by itself, and probes close the breaker\n",
        answering.join(" and ")
    ))?;
    let flows = |monitor: &GatewayMonitor| monitor.all_ended() && !monitor.is_open(FIRST_PROVIDER);
    shop.monitor.until("what waited is at its end", flows).await?;
    close_breaker(shop).await?;
    print_line("\n   The breaker is closed, and everything goes its first way again\n")?;
    let orders = shop.for_each_contact(MessageComposer::order);
    let offers = shop.for_each_contact(MessageComposer::offer);
    shop.send_stream([orders, offers].concat()).await?;
    shop.monitor.until("every message is at its end", GatewayMonitor::all_ended).await
}

/// Sends one order after the other until the breaker has seen enough of them accepted.
async fn close_breaker(shop: &mut Shop) -> anyhow::Result<()> {
    for _ in 0..MAX_PROBES {
        if shop.monitor.is_closed(FIRST_PROVIDER) {
            return Ok(());
        }
        let probe = shop.composer.order("ana");
        shop.send(probe).await?;
        shop.monitor.until("the order is at its end", GatewayMonitor::all_ended).await?;
    }
    bail!("the breaker of {FIRST_PROVIDER} did not close after {MAX_PROBES} messages")
}
