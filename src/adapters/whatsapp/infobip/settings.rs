//! The settings of an Infobip account for WhatsApp.

use serde::Deserialize;

use crate::adapters::sms::infobip::InfobipSettings;

/// The settings of a WhatsApp number at Infobip.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct InfobipWhatsappSettings(pub InfobipSettings);
