//! What the attributes accept and refuse, and in which words: `tests/ui/<attribute>/{pass,fail}`.
//!
//! A file in `pass` is a program that is run; one in `fail` has the compiler's answer beside it. After a change,
//! `TRYBUILD=overwrite cargo test -p kt-runtime --test ui` writes the answers anew; read their difference.

use std::env;
use std::process::Command;

#[test]
fn attributes_accept_what_they_should_and_say_what_to_do_about_the_rest() {
    let cases = trybuild::TestCases::new();
    for attribute in ["init", "remote", "service", "state"] {
        cases.pass(format!("tests/ui/{attribute}/pass/*.rs"));
        cases.compile_fail(format!("tests/ui/{attribute}/fail/*.rs"));
    }
}

#[test]
fn symbols_are_exported_in_the_builds_of_cargo_kt() {
    // What cargo kt sets is read by the macros, so by rustc, far below; it is not for this process's other tests.
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
