//! Why something was decided about a message.

/// Why an address may or may not be written to, a way was left out of a plan, a message waits, or has ended.
///
/// The words for these reasons, in the API, on disk and in logs, are made and read by the `wire` room alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Consent: a transactional message needs no opt-in.
    Transactional,
    /// Consent: the person opted in.
    OptInGranted,
    /// Consent: the person never opted in.
    NoOptIn,
    /// Consent: the person withdrew the opt-in.
    OptInRevoked,
    /// Consent: the person muted the topic.
    TopicMuted,
    /// Consent: the person excluded the channel.
    ChannelExcluded,
    /// Consent: the address is suppressed.
    AddressSuppressed,
    /// Consent: the person's quiet hours have not ended.
    QuietHours,

    /// The contact has no address for the channel.
    NoAddress,
    /// No provider carries the channel for the brand.
    NoProvider,
    /// The message has no content for the channel.
    NoContent,
    /// The text is longer than the channel carries.
    ContentTooLong,
    /// WhatsApp's service window is closed, and the message has no template.
    WindowClosed,

    /// The address is a user id of WhatsApp's, and the provider or the template takes phone numbers alone.
    NeedsPhoneNumber,

    /// A provider rejected the content.
    ContentRejected,
    /// The provider refuses the message, by a rule or for a reason that says nothing of other providers.
    PolicyRejected,
    /// The address was tried, and is not tried again with this message.
    AddressTried,

    /// An operator took the provider out of service.
    OutOfService,
    /// An operator drains the provider, which takes no new message.
    Draining,
    /// The provider's breaker is open.
    BreakerOpen,
    /// The provider asked to be called less.
    Throttled,
    /// The provider failed this message a short while ago.
    Backoff,
    /// The provider is at its limit of concurrency or rate.
    Busy,

    /// The provider has the message, and its receipt is awaited.
    AwaitingReceipt,
    /// The provider may or may not have the message.
    InDoubt,

    /// The message was cancelled.
    Cancelled,
    /// The contact was deleted.
    ContactDeleted,
    /// The brand is no longer in the configuration.
    BrandUnknown,
    /// The provider reported that it could not deliver.
    ReportedFailed,
    /// The message expired.
    Expired,
    /// The message has had all of its attempts.
    TooManyAttempts,
    /// Consent, or the lack of an address, left no way.
    NoWayPermitted,
    /// Every way was tried, or cannot be taken.
    NoWayLeft,

    /// A word that another build wrote, and this one does not know.
    Other(String),
}
