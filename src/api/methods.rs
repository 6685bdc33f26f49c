//! Every method of the API, and the scope that a key needs to call it.

use crate::model::Scope;

/// The full name of each method, as gRPC puts it into the path of a call, and its scope.
const METHODS: [(&str, Scope); 30] = [
    ("relevo.v1.MessageService/Send", Scope::Send),
    ("relevo.v1.MessageService/SendStream", Scope::Send),
    ("relevo.v1.MessageService/GetMessage", Scope::Send),
    ("relevo.v1.MessageService/ListMessages", Scope::Send),
    ("relevo.v1.MessageService/WatchMessages", Scope::Send),
    ("relevo.v1.MessageService/CancelMessage", Scope::Send),
    ("relevo.v1.MessageService/ExplainRoute", Scope::Send),
    ("relevo.v1.ContactService/UpsertContact", Scope::Contacts),
    ("relevo.v1.ContactService/GetContact", Scope::Contacts),
    ("relevo.v1.ContactService/FindContact", Scope::Contacts),
    ("relevo.v1.ContactService/ListContacts", Scope::Contacts),
    ("relevo.v1.ContactService/ListContactEvents", Scope::Contacts),
    ("relevo.v1.ContactService/DeleteContact", Scope::Contacts),
    ("relevo.v1.ContactService/CreateTelegramLink", Scope::Contacts),
    ("relevo.v1.ConsentService/RecordConsent", Scope::Contacts),
    ("relevo.v1.ConsentService/GetConsent", Scope::Contacts),
    ("relevo.v1.ConsentService/GetPreferences", Scope::Contacts),
    ("relevo.v1.ConsentService/SetPreferences", Scope::Contacts),
    ("relevo.v1.ConsentService/CheckConsent", Scope::Contacts),
    ("relevo.v1.ConsentService/SuppressAddress", Scope::Contacts),
    ("relevo.v1.ConsentService/LiftSuppression", Scope::Contacts),
    ("relevo.v1.ProviderService/ListProviders", Scope::Operate),
    ("relevo.v1.ProviderService/WatchProviders", Scope::Operate),
    ("relevo.v1.ProviderService/SetProviderControl", Scope::Operate),
    ("relevo.v1.ProviderService/ListProviderControlChanges", Scope::Operate),
    ("relevo.v1.SandboxService/ListOutbox", Scope::Operate),
    ("relevo.v1.SandboxService/SetBehavior", Scope::Operate),
    ("relevo.v1.KeyService/CreateKey", Scope::Admin),
    ("relevo.v1.KeyService/ListKeys", Scope::Admin),
    ("relevo.v1.KeyService/RevokeKey", Scope::Admin),
];

/// The full name and the scope of the method that is called at `path`: `/relevo.v1.MessageService/Send`.
pub fn find(path: &str) -> Option<(&'static str, Scope)> {
    let name = path.strip_prefix('/')?;
    METHODS.into_iter().find(|(method, _)| *method == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::wire::DESCRIPTORS;

    /// The full names of all methods in `proto/`.
    fn methods_of_the_descriptors() -> BTreeSet<String> {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
        let methods = files.iter().flat_map(|file| {
            let services = file.service.iter();
            services.flat_map(|service| {
                let method = |name: &str| format!("{}.{}/{name}", file.package(), service.name());
                service.method.iter().map(move |descriptor| method(descriptor.name()))
            })
        });
        methods.collect()
    }

    #[test]
    fn every_method_of_the_descriptors_has_one_row_and_every_row_a_method() {
        let rows: Vec<String> = METHODS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let names: BTreeSet<String> = rows.iter().cloned().collect();
        assert_eq!(rows.len(), names.len(), "a method has two rows");
        assert_eq!(names, methods_of_the_descriptors());
    }

    #[test]
    fn a_method_is_found_by_the_path_of_a_call() {
        assert_eq!(
            find("/relevo.v1.KeyService/ListKeys"),
            Some(("relevo.v1.KeyService/ListKeys", Scope::Admin))
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
