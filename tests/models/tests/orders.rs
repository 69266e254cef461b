//! Runs each model in all orders of its threads that loom finds.

use models::worker::{calls_and_moves, endings, listeners};

#[test]
fn calls_and_a_move_do_not_overlap() {
    calls_and_moves::calls_and_a_move_do_not_overlap();
}

#[test]
fn a_task_that_a_call_waits_for_passes_the_gate() {
    calls_and_moves::a_task_that_a_call_waits_for_passes_the_gate();
}

#[test]
fn an_abandoned_move_admits_calls() {
    calls_and_moves::an_abandoned_move_admits_calls();
}

#[test]
fn a_call_dropped_at_the_gate_is_not_counted() {
    calls_and_moves::a_call_dropped_at_the_gate_is_not_counted();
}

#[test]
fn a_gate_kept_closed_can_be_opened() {
    calls_and_moves::a_gate_kept_closed_can_be_opened();
}

#[test]
fn output_of_a_call_precedes_its_answer() {
    endings::output_of_a_call_precedes_its_answer();
}

#[test]
fn a_driver_receives_all_output() {
    listeners::a_driver_receives_all_output();
}

#[test]
fn a_disconnected_driver_does_not_block_output() {
    listeners::a_disconnected_driver_does_not_block_output();
}
