//! What a mail program's parser makes of our messages: maildev reads them with mailparser, and tells over HTTP.

use serde_json::Value;

use super::{assert_sent, build, content};
use crate::peers::maildev;

#[tokio::test]
async fn rich_messages_are_read_as_they_were_written() {
    let (peer, api) = maildev("rich");
    let adapter = build(peer.port(), "tls = 'none'\nreply_to = 'Añada <help@example.com>'").unwrap();
    let line = "¡Una línea muy larga! ".repeat(200);
    let text = format!("Hola, señora Muñoz:\n.\n{line}\n--\nLa tienda");
    let html = format!("<p>Hola, <b>señora Muñoz</b> 🎉</p><p>{line}</p>");
    let subject =
        format!("Tu pedido ya está aquí 🎉 y esto es un asunto largo: {}", "ñandú ".repeat(40).trim_end());
    let mut rich = content("ana@bücher.example", &subject, Some(&text), Some(&html));
    rich.from = Some("\"Tienda Ñandú, S.L.\" <tienda@acme.example>".into());
    assert_sent(&adapter, &rich).await;
    assert_sent(&adapter, &content("bob@example.org", "Plain", Some("Only text."), None)).await;
    assert_sent(&adapter, &content("eve@example.org", "HTML", None, Some("<p>Only HTML.</p>"))).await;

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let read: Vec<Value> = client.get(format!("{api}/email")).send().await.unwrap().json().await.unwrap();
    let by_subject = |subject: &str| read.iter().find(|mail| mail["subject"] == subject).unwrap();
    assert_eq!(read.len(), 3);
    let rich = by_subject(&subject);
    assert_eq!(rich["from"][0]["name"], "Tienda Ñandú, S.L.");
    assert_eq!(rich["from"][0]["address"], "tienda@acme.example");
    assert_eq!(rich["replyTo"][0]["name"], "Añada");
    assert_eq!(rich["to"][0]["address"], "ana@xn--bcher-kva.example");
    assert_eq!(rich["text"].as_str().unwrap().replace("\r\n", "\n").trim_end(), text);
    assert_eq!(rich["html"].as_str().unwrap().trim_end(), html);
    assert_eq!(by_subject("Plain")["text"].as_str().unwrap().trim_end(), "Only text.");
    assert_eq!(by_subject("HTML")["html"].as_str().unwrap().trim_end(), "<p>Only HTML.</p>");
}
