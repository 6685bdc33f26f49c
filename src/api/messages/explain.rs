//! Explains what would happen to a message, with the planner that would decide it.

use super::MessageApi;
use crate::adapters::sms::segments::{Alphabet, SmsSize};
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::model::{Channel, History, Message, Moment, RenderedContent, Timestamp};
use crate::routing::{RoutingDecision, RoutingStep};
use crate::wire::{timestamp, v1};

impl MessageApi {
    pub(super) async fn explain(
        &self,
        caller: &BrandCaller,
        request: v1::ExplainRouteRequest,
    ) -> Result<v1::ExplainRouteResponse, ApiError> {
        let message = self.build_message(caller, request.message).await?;
        let history = History::accepted(message.accepted_at);
        let now = Moment { calendar: message.accepted_at, monotonic: self.clock.monotonic() };
        let next = self.planner.decide(&message, &history, None, now).await?;
        let answer = v1::ExplainRouteResponse { sms: sms_size(&message), ..view(next) };
        Ok(if message.send_at > message.accepted_at { delayed(answer, message.send_at) } else { answer })
    }
}

/// The answer for a message that is sent later. Dispatch does not plan a message before its time, so the plan shown is the
/// one that it would have now.
fn delayed(answer: v1::ExplainRouteResponse, send_at: Timestamp) -> v1::ExplainRouteResponse {
    v1::ExplainRouteResponse {
        next: "wait".to_owned(),
        explanation:
            "It would wait for its send_time, and be decided then; the plan is what it would be now."
                .to_owned(),
        wait_until: Some(timestamp(send_at)),
        final_state: v1::MessageState::Unspecified.into(),
        ..answer
    }
}

/// The size of the text by SMS; `None` when the message may not go by SMS.
fn sms_size(message: &Message) -> Option<v1::SmsSize> {
    if !message.channels.is_empty() && !message.channels.contains(&Channel::Sms) {
        return None;
    }
    let Ok(RenderedContent::Text(text)) = message.content.render(Channel::Sms, true) else { return None };
    let SmsSize { alphabet, units, segments } = SmsSize::of(&text);
    let encoding = match alphabet {
        Alphabet::Gsm => v1::SmsEncoding::Gsm7,
        Alphabet::Ucs2 => v1::SmsEncoding::Ucs2,
    };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Some(v1::SmsSize { encoding: encoding.into(), units: number(units), segments: number(segments) })
}

fn view(next: RoutingDecision) -> v1::ExplainRouteResponse {
    let plan = next.plan.as_ref().map(Into::into);
    let answer = |next: &str, explanation: String| v1::ExplainRouteResponse {
        plan,
        next: next.to_owned(),
        explanation,
        ..v1::ExplainRouteResponse::default()
    };
    match next.step {
        RoutingStep::Try { way, .. } => {
            let when = match next.wait.expected.as_secs() {
                0 => "at once".to_owned(),
                seconds => format!("when its turn comes, in about {seconds} s"),
            };
            answer("try", format!("It would be handed to {} for {} {when}.", way.provider, way.channel))
        }
        RoutingStep::Wait { until, why } => {
            let wait_until = Some(timestamp(until));
            v1::ExplainRouteResponse { wait_until, ..answer("wait", why.explanation) }
        }
        RoutingStep::Finish { state, explanation, .. } => {
            let final_state = v1::MessageState::from(state).into();
            v1::ExplainRouteResponse { final_state, ..answer("finish", explanation) }
        }
        // A message without attempts neither falls back nor rests.
        RoutingStep::FallBack { explanation, .. } => answer("try", explanation),
        RoutingStep::Idle => answer("finish", "Nothing is left to do.".to_owned()),
    }
}
