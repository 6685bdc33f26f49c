//! The README lists what there is.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::DescriptorPool;

/// The methods of every service, by the names of both.
type Methods = BTreeMap<String, BTreeSet<String>>;

fn offered() -> Methods {
    let pool = DescriptorPool::decode(relevo::wire::DESCRIPTORS).unwrap();
    let methods = |service: prost_reflect::ServiceDescriptor| {
        let methods = service.methods().map(|method| method.name().to_owned()).collect();
        (service.name().to_owned(), methods)
    };
    pool.services().map(methods).collect()
}

/// Those in the table of services, whose rows begin with the service and go on with its methods, all between backticks.
fn listed() -> Methods {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("The API")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `") && !line.contains("grpc."));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        let names =
            |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        (names(cells[1]).remove(0), names(cells[2]).into_iter().collect())
    };
    rows.map(row).collect()
}

#[test]
fn the_table_of_methods_is_the_api() {
    assert_eq!(listed(), offered());
}
