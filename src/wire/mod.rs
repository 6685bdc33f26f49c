//! The generated protobuf types, and the one translation between them and the model.
//!
//! The API, the store and the command line all use it. Turning the model into protobuf cannot fail; reading protobuf
//! back checks everything, because a stored record can be damaged and a request can hold anything.

/// `relevo.v1`, the API.
#[allow(missing_docs, reason = "generated from documented protos")]
pub mod v1 {
    tonic::include_proto!("relevo.v1");
}

/// The records of the embedded store.
pub mod store {
    /// `relevo.store.v1`.
    #[allow(missing_docs, reason = "generated from documented protos")]
    pub mod v1 {
        tonic::include_proto!("relevo.store.v1");
    }
}

/// The encoded `FileDescriptorSet` of everything in `proto/`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
