//! Mutations of states' types on the real worker, in dev and release: each is a type before, a type
//! after, a value, and its expected outcome. All are in one program, one state each, so that one
//! generation performs all of them.
//!
//! Every field has a pattern that no other field has, and code of the new generation checks it, so
//! that any misread memory shows.

mod case;
mod container;
mod generate;
mod outcome;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use tests::{Fixture, Project, Running};

use case::{Case, Expected};
use generate::Side;
use outcome::{Outcomes, Tally};

/// What the driver reports of each state: the address of its value, and the failed checks.
type Seen = BTreeMap<String, (usize, Vec<String>)>;

fn look(driver: &mut Running) -> Seen {
    let all: Vec<(String, usize, Vec<String>)> =
        serde_json::from_str(&driver.ask("look")).expect("the driver writes JSON");
    all.into_iter()
        .map(|(name, address, wrong)| (name, (address, wrong)))
        .collect()
}

/// The failed checks, except those of `but`.
fn misread<'a>(seen: &'a Seen, but: &BTreeSet<&str>) -> Vec<(&'a str, &'a [String])> {
    let wrong = seen
        .iter()
        .filter(|(name, (_, wrong))| !wrong.is_empty() && !but.contains(name.as_str()));
    wrong
        .map(|(name, (_, wrong))| (&**name, &**wrong))
        .collect()
}

/// The modules of the states that a refusal lists, a line each.
fn not_migrated(refusal: &str) -> BTreeSet<&str> {
    let states = refusal
        .lines()
        .filter_map(|line| line.strip_prefix("  `")?.split_once('`'));
    states
        .map(|(path, _)| {
            let module = path.rsplit("::").nth(1);
            module.expect("a state's path has its module")
        })
        .collect()
}

fn mutations_are_kept_migrated_reset_or_refused(fixture: Fixture, profile: &[&str]) -> Tally {
    let project = Project::of(fixture);
    let cases = table::cases();
    let command = |name: &'static str| {
        [name, "--message-format", "json"]
            .into_iter()
            .chain(profile.iter().copied())
    };
    let refused: Vec<&Case> = cases
        .iter()
        .filter(|case| case.expected == Expected::Refused)
        .collect();
    let refusing: BTreeSet<&str> = refused.iter().map(|case| &*case.name).collect();
    let fill = |names: &mut dyn Iterator<Item = &str>| {
        format!("fill {}", names.collect::<Vec<_>>().join(" "))
    };
    let mut wrong: Vec<String> = Vec::new();

    // Every state has its value and the types that it starts with.
    generate::write_unedited(&project, &cases);
    generate::write(&project, &cases, Side::Before);
    project.kt(command("build")).success();
    let mut first = project.spawn_kt(command("run"));
    first.wait_for("ready");
    let names = cases.iter().map(|case| &*case.name);
    let filled = first.ask(&fill(&mut names.filter(|name| !refusing.contains(name))));
    assert_eq!(filled, (cases.len() - refused.len()).to_string());
    let start = look(&mut first);
    assert_eq!(misread(&start, &refusing), [], "the suite's own values");

    // Other code over the same types: nothing moves.
    generate::write(&project, &cases, Side::Edited);
    let outcomes = Outcomes::of(&project.kt(command("build")).success());
    for case in &cases {
        let outcome = outcomes.get(&case.name);
        if outcome.is_none_or(|outcome| outcome.kind != Expected::Kept) {
            wrong.push(format!(
                "{}: not kept over an unrelated edit: {outcome:?}",
                case.name
            ));
        }
    }
    let mut second = project.spawn_kt(command("run"));
    second.wait_for("ready");
    assert_eq!(look(&mut second), start, "after an unrelated edit");

    // With the refusing states filled, the swap fails, names exactly those, and changes nothing.
    generate::write(&project, &cases, Side::After);
    let count = refused.len().to_string();
    assert_eq!(
        second.ask(&fill(&mut refusing.iter().copied())),
        count,
        "filled"
    );
    let output = project.kt(command("build"));
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(not_migrated(&output.stderr), refusing, "{}", output.stderr);
    let emptied = format!(
        "empty {}",
        Vec::from_iter(refusing.iter().copied()).join(" ")
    );
    assert_eq!(second.ask(&emptied), count, "emptied");
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(
        misread(&look(&mut second), &refusing),
        [],
        "after refused swaps"
    );

    // All others at once.
    let output = project.kt(command("build")).success();
    let outcomes = Outcomes::of(&output);
    let mut third = project.spawn_kt(command("run"));
    third.wait_for("ready");
    let seen = look(&mut third);
    let mut tally = Tally::default();
    for case in &cases {
        let name = &*case.name;
        let outcome = outcomes.get(name);
        let (address, misreads) = &seen[name];
        let kind = outcome.map(|outcome| outcome.kind);
        let right = match case.expected {
            Expected::Survives => matches!(kind, Some(Expected::Kept | Expected::Migrated)),
            // Empty by now, or the swap would fail.
            Expected::Refused => true,
            expected => kind == Some(expected),
        };
        let moved = kind == Some(Expected::Kept) && *address != start[name].0;
        let announced = kind != Some(Expected::Reset)
            || output
                .stderr
                .contains(&format!("{name}::{}` was reset", name.to_uppercase()));
        if !right || moved || !announced || !misreads.is_empty() {
            wrong.push(format!(
                "{name}: {:?} expected, {outcome:?}; moved: {moved}, announced: {announced}, misread: {misreads:?}",
                case.expected
            ));
        }
        let counted = match case.expected {
            Expected::Refused => Some(Expected::Refused),
            _ => kind,
        };
        tally.count(counted, misreads.len());
    }
    for driver in [first, second, third] {
        driver.finish().success();
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} of {}",
        wrong.join("\n"),
        wrong.len(),
        cases.len()
    );
    tally
}

#[test]
fn no_mutation_is_misread_in_dev() {
    let tally = mutations_are_kept_migrated_reset_or_refused(Fixture::MUTATIONS, &[]);
    tally.report("dev");
}

#[test]
fn no_mutation_is_misread_in_release() {
    let tally =
        mutations_are_kept_migrated_reset_or_refused(Fixture::MUTATIONS_RELEASE, &["--release"]);
    tally.report("release");
}
