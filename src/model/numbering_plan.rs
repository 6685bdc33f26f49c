//! How countries write their numbers today, where they wrote them otherwise before.

/// The digits of a number as the numbering plan of its country has them today.
///
/// WhatsApp's ids keep the form from before a change: in Mexico a 1 after the 52 (until 2019), in Brazil mobile numbers without
/// their ninth digit (until 2016), in Benin numbers without the 01 (until November 2024). Argentina's mobile numbers have a 9
/// after the 54 only when they are dialled from abroad. (Cloud API, "Phone numbers"; wwebjs/whatsapp-web.js#596,
/// code-chat-br/whatsapp-api#107, chatwoot/chatwoot#11053; ITU operational bulletins on Mexico, Brazil and Benin.)
///
/// Zeros before the country's code are those with which it is dialled from abroad. Each rule holds only where the digit can be
/// nothing else: no Mexican number begins with 1, and in Brazil only mobile numbers begin with 6, 8 or 9; those with 7 may be of
/// a trunked radio, whose numbers have eight digits still.
pub fn current_digits(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    let national =
        |prefix: &str, length: usize| digits.strip_prefix(prefix).filter(|rest| rest.len() == length);
    if let Some(rest) = national("521", 10) {
        return format!("52{rest}");
    }
    if let Some(rest) = national("549", 10) {
        return format!("54{rest}");
    }
    if let Some(rest) = national("229", 8) {
        return format!("22901{rest}");
    }
    match national("55", 10).map(|rest| rest.split_at(2)) {
        Some((area, subscriber)) if subscriber.starts_with(['6', '8', '9']) => {
            format!("55{area}9{subscriber}")
        }
        _ => digits.to_owned(),
    }
}
