//! Messages go out: by every channel, to every kind of provider, and as the API said that they would.

mod channels;
mod whatsapp;
