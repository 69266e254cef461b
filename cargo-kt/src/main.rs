use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_kt::build::multi_call().unwrap_or(ExitCode::SUCCESS)
}
