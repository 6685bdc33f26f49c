//! Listing messages in pages.

use relevo::wire::timestamp;

use super::*;

type Request = v1::ListMessagesRequest;

async fn list(gateway: &Gateway, key: &str, request: Request) -> Result<v1::ListMessagesResponse, Status> {
    gateway.messages(key).list_messages(request).await.map(tonic::Response::into_inner)
}

/// All pages of a list, each as the texts of its messages.
async fn pages(gateway: &Gateway, key: &str, request: Request) -> Vec<Vec<String>> {
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(gateway, key, Request { page_token, ..request.clone() }).await.unwrap();
        pages.push(page.messages.into_iter().map(|message| message.content.unwrap().text).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return pages;
        }
    }
}

/// Accepts messages with these texts.
async fn accept(gateway: &Gateway, key: &str, texts: impl IntoIterator<Item = String>) {
    gateway.ana(key).await;
    for text in texts {
        let labels = [("parity".to_owned(), text.len().to_string())].into();
        gateway.messages(key).send(send(v1::MessageSpec { labels, ..spec(&text) })).await.unwrap();
    }
}

#[tokio::test]
async fn pages_lead_through_all_messages_newest_first() {
    let gateway = Gateway::start().await;
    let (key, other) = (gateway.acme().await, gateway.globex().await);
    accept(&gateway, &key, (0..7).map(|index| index.to_string())).await;
    accept(&gateway, &other, ["of globex".to_owned()]).await;
    let found = pages(&gateway, &key, Request { page_size: 3, ..Request::default() }).await;
    let sizes: Vec<_> = found.iter().map(Vec::len).filter(|size| *size > 0).collect();
    assert_eq!(sizes, [3, 3, 1]);
    let mut texts = found.concat();
    texts.sort();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6"]);
    let times: Vec<_> = list(&gateway, &key, Request::default()).await.unwrap().messages;
    let times: Vec<_> = times.into_iter().map(|message| message.accept_time.unwrap()).collect();
    assert!(
        times.windows(2).all(|pair| (pair[0].seconds, pair[0].nanos) >= (pair[1].seconds, pair[1].nanos))
    );
}

#[tokio::test]
async fn filters_must_all_match() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    accept(&gateway, &key, ["a".to_owned(), "bb".to_owned(), "cc".to_owned()]).await;
    let found = async |request: Request| list(&gateway, &key, request).await.unwrap().messages.len();
    let labels = BTreeMap::from([("parity".to_owned(), "2".to_owned())]);
    assert_eq!(found(Request { labels: labels.clone(), ..Request::default() }).await, 2);
    assert_eq!(found(Request { contact_id: "ana".into(), ..Request::default() }).await, 3);
    assert_eq!(found(Request { contact_id: "ben".into(), labels, ..Request::default() }).await, 0);
    let states = |state: v1::MessageState| Request { states: vec![state.into()], ..Request::default() };
    assert_eq!(found(states(v1::MessageState::Accepted)).await, 3);
    assert_eq!(found(states(v1::MessageState::Failed)).await, 0);
    let until = Request { accepted_until: Some(timestamp(START)), ..Request::default() };
    assert_eq!(found(until).await, 0);
    let from = Request { accepted_from: Some(timestamp(START)), ..Request::default() };
    assert_eq!(found(from).await, 3);
}

#[tokio::test]
async fn a_page_token_is_good_for_its_own_list_only() {
    let gateway = Gateway::start().await;
    let (key, other) = (gateway.acme().await, gateway.globex().await);
    accept(&gateway, &key, ["a".to_owned(), "b".to_owned()]).await;
    let first = list(&gateway, &key, Request { page_size: 1, ..Request::default() }).await.unwrap();
    let page_token = first.next_page_token;
    let with = |page_token: &str| Request { page_token: page_token.into(), ..Request::default() };
    // The size of the page may change from one to the next.
    list(&gateway, &key, with(&page_token)).await.unwrap();
    let filtered = Request { contact_id: "ana".into(), ..with(&page_token) };
    let refused = expected(Code::InvalidArgument, "INVALID_FIELDS");
    assert_eq!(code_and_reason(list(&gateway, &key, filtered).await), refused);
    assert_eq!(code_and_reason(list(&gateway, &other, with(&page_token)).await), refused);
    let contacts = v1::ListContactsRequest { page_token, ..v1::ListContactsRequest::default() };
    assert_eq!(code_and_reason(gateway.contacts(&key).list_contacts(contacts).await), refused);
    let nonsense = Request { page_size: 1_001, states: vec![0, 3, 3], ..with("nonsense") };
    let nonsense =
        Request { accepted_from: Some(timestamp(START)), accepted_until: Some(timestamp(START)), ..nonsense };
    insta::assert_snapshot!("bad_list", error_text(list(&gateway, &key, nonsense).await, &[]));
}

#[tokio::test]
async fn a_page_of_large_messages_stays_small_enough_for_any_client() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    for _ in 0..20 {
        let content = v1::Content { html: "x".repeat(500_000), text: "x".into(), ..v1::Content::default() };
        let large = v1::MessageSpec { content: Some(content), ..spec("") };
        gateway.messages(&key).send(send(large)).await.unwrap();
    }
    // A client refuses more than 4 MiB unless told otherwise; this one was not.
    let found = pages(&gateway, &key, Request { page_size: 1_000, ..Request::default() }).await;
    assert_eq!(found.concat().len(), 20);
    assert!(found[0].len() > 1, "a page holds as much as fits");
}
