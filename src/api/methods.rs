//! Every method of the API, and the scope that a key needs to call it.

use crate::model::KeyScope;

/// The full name of each method, as gRPC puts it into the path of a call, and its scope.
const METHODS: &[(&str, KeyScope)] = &[
    ("relevo.v1.MessageService/Send", KeyScope::Send),
    ("relevo.v1.MessageService/SendStream", KeyScope::Send),
    ("relevo.v1.MessageService/GetMessage", KeyScope::Send),
    ("relevo.v1.MessageService/ListMessages", KeyScope::Send),
    ("relevo.v1.MessageService/WatchMessages", KeyScope::Send),
    ("relevo.v1.MessageService/CancelMessage", KeyScope::Send),
    ("relevo.v1.MessageService/ExplainRoute", KeyScope::Send),
    ("relevo.v1.ContactService/UpsertContact", KeyScope::Contacts),
    ("relevo.v1.ContactService/AddContactAddress", KeyScope::Contacts),
    ("relevo.v1.ContactService/RemoveContactAddress", KeyScope::Contacts),
    ("relevo.v1.ContactService/GetContact", KeyScope::Contacts),
    ("relevo.v1.ContactService/FindContact", KeyScope::Contacts),
    ("relevo.v1.ContactService/ListContacts", KeyScope::Contacts),
    ("relevo.v1.ContactService/ListContactEvents", KeyScope::Contacts),
    ("relevo.v1.ContactService/DeleteContact", KeyScope::Contacts),
    ("relevo.v1.ContactService/CreateTelegramLink", KeyScope::Contacts),
    ("relevo.v1.ConsentService/RecordConsent", KeyScope::Contacts),
    ("relevo.v1.ConsentService/GetConsent", KeyScope::Contacts),
    ("relevo.v1.ConsentService/GetPreferences", KeyScope::Contacts),
    ("relevo.v1.ConsentService/SetPreferences", KeyScope::Contacts),
    ("relevo.v1.ConsentService/CheckConsent", KeyScope::Contacts),
    ("relevo.v1.ConsentService/SuppressAddress", KeyScope::Contacts),
    ("relevo.v1.ConsentService/LiftSuppression", KeyScope::Contacts),
    ("relevo.v1.ProviderService/ListProviders", KeyScope::Operate),
    ("relevo.v1.ProviderService/WatchProviders", KeyScope::Operate),
    ("relevo.v1.ProviderService/SetProviderControl", KeyScope::Operate),
    ("relevo.v1.ProviderService/ListProviderControlChanges", KeyScope::Operate),
    ("relevo.v1.IncidentService/ListIncidents", KeyScope::Operate),
    ("relevo.v1.IncidentService/GetIncident", KeyScope::Operate),
    ("relevo.v1.SandboxService/ListOutbox", KeyScope::Operate),
    ("relevo.v1.SandboxService/SetBehavior", KeyScope::Operate),
    ("relevo.v1.KeyService/CreateKey", KeyScope::Admin),
    ("relevo.v1.KeyService/ListKeys", KeyScope::Admin),
    ("relevo.v1.KeyService/RevokeKey", KeyScope::Admin),
];

/// Those whose answers are streams.
const STREAMS: &[&str] = &[
    "relevo.v1.MessageService/SendStream",
    "relevo.v1.MessageService/WatchMessages",
    "relevo.v1.ProviderService/WatchProviders",
];

/// The full names of all services: `relevo.v1.MessageService`. Each may come more than once.
pub fn services() -> impl Iterator<Item = &'static str> {
    METHODS.iter().filter_map(|(method, _)| Some(method.split_once('/')?.0))
}

/// Whether the answer of a method is a stream.
pub fn is_stream(method: &str) -> bool {
    STREAMS.contains(&method)
}

/// The full name and the scope of the method that is called at `path`: `/relevo.v1.MessageService/Send`.
pub fn find(path: &str) -> Option<(&'static str, KeyScope)> {
    let name = path.strip_prefix('/')?;
    METHODS.iter().copied().find(|(method, _)| *method == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::wire::DESCRIPTORS;

    /// The full names of all methods in `proto/`, and whether their answers are streams.
    fn methods_of_the_descriptors() -> BTreeMap<String, bool> {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
        let methods = files.iter().flat_map(|file| {
            let services = file.service.iter();
            services.flat_map(|service| {
                let name = |name: &str| format!("{}.{}/{name}", file.package(), service.name());
                let methods = service.method.iter();
                methods.map(move |method| (name(method.name()), method.server_streaming()))
            })
        });
        methods.collect()
    }

    #[test]
    fn every_method_of_the_descriptors_has_one_row_and_every_row_a_method() {
        let rows: BTreeMap<String, bool> =
            METHODS.iter().map(|(name, _)| ((*name).to_owned(), is_stream(name))).collect();
        assert_eq!(rows.len(), METHODS.len(), "a method has two rows");
        assert_eq!(rows, methods_of_the_descriptors());
    }

    #[test]
    fn a_method_is_found_by_the_path_of_a_call() {
        assert_eq!(
            find("/relevo.v1.KeyService/ListKeys"),
            Some(("relevo.v1.KeyService/ListKeys", KeyScope::Admin))
        );
        for path in [
            "",
            "/",
            "relevo.v1.KeyService/ListKeys",
            "/relevo.v1.KeyService/listkeys",
            "/grpc.health.v1.Health/Check",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
