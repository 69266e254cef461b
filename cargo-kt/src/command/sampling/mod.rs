//! `cargo kt profile`: samples the stacks of a worker's threads.

mod output;
mod record;
mod report;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use kt::wire::sample::ProfileRequest;

use self::output::{Format, Output};
use super::{Speech, service::ServiceArgs, start};

#[derive(Debug, clap::Args)]
pub(super) struct SamplingArgs {
    /// Seconds to sample; Ctrl-C stops earlier and writes the samples so far
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    seconds: Duration,
    /// Samples per second
    #[arg(long, value_name = "HZ", default_value_t = 99, value_parser = clap::value_parser!(u32).range(1..=1000))]
    frequency: u32,
    /// Also sample waiting threads
    #[arg(long)]
    wall: bool,
    /// Also show the frames of the runtime around those of the program
    #[arg(long)]
    all: bool,
    /// Output file; an existing file is overwritten
    #[arg(short, long, value_name = "FILE", default_value = "kt-profile.svg")]
    output: PathBuf,
    /// Output format [default: by the file's extension, else svg]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    speech: Speech,
    // Last: clap puts later options under its heading.
    #[command(flatten)]
    service: ServiceArgs,
}

pub(super) fn profile(args: SamplingArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, async {
        let places = args.service.places()?;
        let name = args.service.choose(&places).await?;
        let connected = places.connect(&name).await?;
        // Fails before sampling if the file cannot be written.
        let output = Output::open(&args.output, args.format)?;
        let options = record::ProfileOptions {
            request: ProfileRequest {
                frequency: args.frequency,
                wall: args.wall,
            },
            duration: args.seconds,
            all: args.all,
        };
        let profile = record::record(&connected, &options, &terminal).await?;
        if profile.folded.counts.samples > 0 {
            output.write(&profile.folded, &connected.service)?;
        }
        report::report(&profile, &options, &args.output, &terminal)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// A number of seconds, such as `10` or `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: f64 = 86_400.0;
    let number: f64 = text
        .trim_end_matches('s')
        .parse()
        .map_err(|_| format!("`{text}` is not a number of seconds"))?;
    if number > 0.0 && number <= LONGEST {
        return Ok(Duration::from_secs_f64(number));
    }
    Err("must be between 0 and 86400 seconds (one day)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_and_a_limit() {
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(seconds("0.5s"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "nan", "inf", "1e9", "ten", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
