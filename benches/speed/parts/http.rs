//! SMS, Telegram and WhatsApp through their adapters to a loopback stub. Beside each, what a bare HTTP client does that
//! posts the same body to the same stub, as many at once.

use std::time::Duration;

use anyhow::ensure;
use relevo::wire::v1::Channel;
use reqwest::{Client, RequestBuilder};
use serde_json::json;

use crate::delivery::Delivery;
use crate::figures::RATE;
use crate::gateway::GatewayDirectory;
use crate::load::{self, Until};
use crate::process::Process;
use crate::providers::Provider;
use crate::report::Row;
use crate::sample::{Sample, Workspace};
use crate::workload::{self, MessageGenerator};

use super::create_contacts;

/// Calls in flight at once, ours and those of the bare client.
const CONCURRENCY: usize = 64;

/// A channel whose adapter speaks HTTP.
pub struct HttpChannel {
    name: &'static str,
    channel: Channel,
    provider: fn(&str) -> Provider,
    /// What the adapter posts.
    request: fn(&Client, &str, u64) -> RequestBuilder,
}

/// The channels, SMS first.
pub const HTTP_CHANNELS: [HttpChannel; 3] = [
    HttpChannel {
        name: "SMS over HTTP (Twilio's API)",
        channel: Channel::Sms,
        provider: |address| Provider::twilio("twilio", address),
        request: |client, address, number| {
            let url = format!("http://{address}/2010-04-01/Accounts/AC1/Messages.json");
            let form = [("To", "+34600000000"), ("Body", &workload::text(number)), ("From", "+34910000000")];
            client.post(url).basic_auth("AC1", Some("secret")).form(&form)
        },
    },
    HttpChannel {
        name: "Telegram (Bot API)",
        channel: Channel::Telegram,
        provider: |address| Provider::telegram(address),
        request: |client, address, number| {
            let body = json!({ "chat_id": 1, "text": workload::text(number), "disable_notification": false });
            client.post(format!("http://{address}/bot123:secret/sendMessage")).json(&body)
        },
    },
    HttpChannel {
        name: "WhatsApp (Cloud API)",
        channel: Channel::Whatsapp,
        provider: |address| Provider::whatsapp(address),
        request: |client, address, number| {
            let body = json!({
                "messaging_product": "whatsapp", "recipient_type": "individual", "to": "34600000000",
                "type": "text", "text": { "body": workload::text(number), "preview_url": false },
                "biz_opaque_callback_data": "01900000-0000-7000-8000-000000000000/1",
            });
            client.post(format!("http://{address}/v23.0/1/messages")).bearer_auth("secret").json(&body)
        },
    },
];

impl HttpChannel {
    /// The name of the sample of the whole path.
    pub fn whole_name(&self) -> String {
        format!("{}, {CONCURRENCY} at once, durable in and recorded out", self.name)
    }
}

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for http_channel in HTTP_CHANNELS {
        rows.extend(measure(&http_channel, workspace).await?);
    }
    Ok(rows)
}

async fn measure(http_channel: &HttpChannel, workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let (contacts, rounds, seconds) = if workspace.quick { (500, 1, 1.0) } else { (10_000, 3, 3.0) };
    let (_stub, address) = Process::start_helper("stub", &[]).await?;
    let config = (http_channel.provider)(&address).config(&format!("max_concurrency = {CONCURRENCY}"));
    let directory = GatewayDirectory::new(workspace, http_channel.channel.as_str_name(), &config).await?;
    let gateway = directory.start().await?;
    create_contacts(&gateway, contacts).await?;
    let mut delivery = Delivery::new(&gateway, MessageGenerator::new(contacts, http_channel.channel)).await?;
    let mut whole = Sample::new(http_channel.whole_name(), RATE, "500 bytes of text each.");
    let mut drain = Sample::new(format!("{}: a backlog drained", http_channel.name), RATE, "");
    let mut cpu =
        Sample::new(format!("{}: the gateway's processor time", http_channel.name), "us/message", "");
    let mut bare = Sample::new("a bare HTTP client", RATE, "reqwest posting the same body; stores nothing.");
    for _ in 0..rounds {
        let run = delivery.run(seconds).await?;
        whole.runs.push(run.rate);
        cpu.runs.push(run.cpu_us);
        drain.runs.push(delivery.drain(seconds).await?.rate);
        bare.runs.push(post(http_channel, &address, Duration::from_secs_f64(seconds.min(2.0))).await?);
    }
    gateway.stop().await?;
    let again = bare.called(&bare.name);
    Ok(vec![Row::ratio(whole, bare, 0.6), Row::beside(drain, again), Row::measured(cpu)])
}

/// Posts what the adapter would, and tells how many that was a second.
async fn post(http_channel: &HttpChannel, address: &str, duration: Duration) -> anyhow::Result<f64> {
    let client = Client::builder().no_proxy().use_rustls_tls().build()?;
    let (request, address) = (http_channel.request, address.to_owned());
    let run = load::calls(vec![client; CONCURRENCY], Until::Elapsed(duration), move |client, number| {
        let request = request(&client, &address, number);
        async move {
            let answer = request.send().await?;
            ensure!(answer.status().is_success(), "the stub answered {}", answer.status());
            answer.bytes().await?;
            Ok(())
        }
    });
    Ok(run.await?.rate())
}
