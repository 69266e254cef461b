//! What the attributes accept, what they reject and with which errors:
//! `tests/ui/<attribute>/{pass,fail}`.
//!
//! A file in `pass` is a program that runs; one in `fail` has the compiler's output beside it.
//! After a change, `TRYBUILD=overwrite cargo test -p kt-runtime --test ui` rewrites the output;
//! review the difference.

use std::env;
use std::process::Command;

#[test]
fn attributes_accept_valid_items_and_reject_others_with_advice() {
    let cases = trybuild::TestCases::new();
    for attribute in ["init", "remote", "service", "state"] {
        cases.pass(format!("tests/ui/{attribute}/pass/*.rs"));
        cases.compile_fail(format!("tests/ui/{attribute}/fail/*.rs"));
    }
}

#[test]
fn symbols_are_exported_in_the_builds_of_cargo_kt() {
    // The macros read these variables, in rustc's process. Other tests in this process must not see
    // them.
    let status = Command::new(env::current_exe().expect("this test's own path"))
        .args(["--exact", "exported", "--ignored"])
        .envs([("KT_BUILD", "1"), ("KT_MAIN", "1")])
        .status()
        .expect("this test runs itself");
    assert!(status.success());
}

#[test]
#[ignore = "run by symbols_are_exported_in_the_builds_of_cargo_kt, in its environment"]
fn exported() {
    assert!(env::var_os("KT_BUILD").is_some(), "run without --ignored");
    trybuild::TestCases::new().pass("tests/ui/exported/*.rs");
}
