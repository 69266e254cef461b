//! Runs each model in all orders of its threads that loom finds.

use models::worker::{calls_and_moves, endings, listeners};

#[test]
fn no_call_meets_a_move() {
    calls_and_moves::no_call_meets_a_move();
}

#[test]
fn what_a_call_waits_for_passes_and_meets_no_move() {
    calls_and_moves::what_a_call_waits_for_passes_and_meets_no_move();
}

#[test]
fn a_move_that_is_given_up_lets_calls_in() {
    calls_and_moves::a_move_that_is_given_up_lets_calls_in();
}

#[test]
fn a_call_that_is_dropped_at_the_gate_is_not_counted() {
    calls_and_moves::a_call_that_is_dropped_at_the_gate_is_not_counted();
}

#[test]
fn what_is_kept_closed_is_opened() {
    calls_and_moves::what_is_kept_closed_is_opened();
}

#[test]
fn no_answer_overtakes_what_its_call_printed() {
    endings::no_answer_overtakes_what_its_call_printed();
}

#[test]
fn a_driver_gets_all_that_is_printed() {
    listeners::a_driver_gets_all_that_is_printed();
}

#[test]
fn a_driver_that_goes_lets_go_on_who_prints() {
    listeners::a_driver_that_goes_lets_go_on_who_prints();
}
