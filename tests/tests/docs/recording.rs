//! A terminal session as an animated SVG. Its text is the commands' own output, each line at the
//! time at which it came.

use std::{
    fmt::Write,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Longest pause between two lines that is shown as it was.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a key takes.
const KEY: Duration = Duration::from_millis(45);
/// How long the last line stays.
const LAST: Duration = Duration::from_secs(5);

const COLUMN: f32 = 8.4;
const ROW: f32 = 19.0;
const MARGIN: f32 = 16.0;

/// A line of the screen.
struct Line {
    appears: Duration,
    /// How long it takes to type; zero for output.
    typing: Duration,
    spans: Vec<Span>,
}

struct Span {
    class: String,
    text: String,
}

pub struct Recording {
    lines: Vec<Line>,
    now: Duration,
    /// Shown as `~/app`.
    project: String,
}

impl Recording {
    pub fn of(project: &Path) -> Self {
        Self {
            lines: Vec::new(),
            now: Duration::ZERO,
            project: project.display().to_string(),
        }
    }

    /// Types a line at the prompt, and shows what the command prints.
    #[track_caller]
    pub fn run(&mut self, typed: &str, mut command: Command) {
        let typing = KEY * u32::try_from(typed.len()).expect("it is short");
        let prompt = Span {
            class: "prompt".into(),
            text: "$ ".into(),
        };
        let keys = Span {
            class: "keys".into(),
            text: typed.into(),
        };
        self.push(typing, vec![prompt, keys]);
        self.now += typing + 2 * KEY;

        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut last = Instant::now();
        for line in output.lines() {
            let line = line.expect("the output is text");
            self.now += last.elapsed().min(PAUSE);
            last = Instant::now();
            self.push(Duration::ZERO, spans(&line.replace(&self.project, "~/app")));
        }
        assert!(
            child.wait().expect("it is our child").success(),
            "{}",
            self.text()
        );
        self.now += last.elapsed().min(PAUSE) + 8 * KEY;
    }

    fn push(&mut self, typing: Duration, spans: Vec<Span>) {
        self.lines.push(Line {
            appears: self.now,
            typing,
            spans,
        });
    }

    /// What is on the screen at the end.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.extend(line.spans.iter().map(|span| span.text.as_str()));
            text.push('\n');
        }
        text
    }

    pub fn svg(&self) -> String {
        let longest = self.text().lines().map(|line| line.chars().count()).max();
        let width = 2.0 * MARGIN + COLUMN * longest.unwrap_or_default().max(80) as f32;
        let height = 2.0 * MARGIN + ROW * self.lines.len() as f32;
        let total = (self.now + LAST).as_secs_f32();
        let mut style = String::from(STYLE);
        let mut body = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            let y = MARGIN + ROW * (number as f32 + 0.75);
            let percent = |at: Duration| at.as_secs_f32() / total * 100.0;
            let appears = percent(line.appears);
            let _ = writeln!(
                style,
                "@keyframes l{number}{{0%,{:.2}%{{opacity:0}}{appears:.2}%,100%{{opacity:1}}}}\
                 #l{number}{{animation:l{number} {total:.2}s step-end infinite}}",
                (appears - 0.01).max(0.0)
            );
            let _ = write!(
                body,
                "<text xml:space=\"preserve\" id=\"l{number}\" x=\"{MARGIN}\" y=\"{y:.1}\">"
            );
            for Span { class, text } in &line.spans {
                let _ = write!(body, "<tspan class=\"{class}\">{}</tspan>", escaped(text));
            }
            body.push_str("</text>\n");
            // A cover, moved to the right key by key.
            if !line.typing.is_zero() {
                let typed = &line.spans[1].text;
                let (keys, x) = (typed.chars().count(), MARGIN + 2.0 * COLUMN);
                let way = COLUMN * keys as f32;
                let _ = writeln!(
                    style,
                    "@keyframes k{number}{{0%,{appears:.2}%{{transform:none;animation-timing-function:steps({keys})}}\
                     {:.2}%,100%{{transform:translateX({way:.1}px)}}}}\
                     #k{number}{{animation:k{number} {total:.2}s step-end infinite}}",
                    percent(line.appears + line.typing)
                );
                let _ = writeln!(
                    body,
                    "<svg x=\"{x:.1}\" y=\"{:.1}\" width=\"{way:.1}\" height=\"{ROW}\"><rect id=\"k{number}\" class=\"cover\" width=\"100%\" height=\"100%\"/></svg>",
                    y - ROW * 0.75
                );
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
             <!-- Written by tests/tests/docs/example.rs from a real session. Pauses of more than {} s are shortened, and so is the project's path. -->\n\
             <style>\n{style}</style>\n<rect class=\"screen\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n{body}</svg>\n",
            PAUSE.as_secs()
        )
    }
}

const STYLE: &str = "\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d6deeb;white-space:pre}
.screen,.cover{fill:#16181d}
.prompt{fill:#7f8c98}
.keys{font-weight:bold;fill:#fff}
.out{fill:#fff}
.b{font-weight:bold}
.c31,.c91{fill:#ff6b6b}.c32,.c92{fill:#7bd88f}.c33,.c93{fill:#f6c177}.c34,.c94{fill:#82aaff}.c35,.c95{fill:#c792ea}.c36,.c96{fill:#7fdbca}
@media (prefers-reduced-motion:reduce){text{animation:none!important}.cover{display:none}}
";

/// A line of output, divided by its colors.
fn spans(line: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let (mut bold, mut color) = (false, None);
    for (index, part) in line.split("\x1b[").enumerate() {
        let mut text = part;
        if index > 0 {
            let (codes, rest) = part.split_once('m').expect("a pipe gets colors alone");
            for code in codes.split(';') {
                match code {
                    "" | "0" => (bold, color) = (false, None),
                    "1" => bold = true,
                    code => color = Some(code.to_owned()),
                }
            }
            text = rest;
        }
        if !text.is_empty() {
            let mut class = String::from(if bold { "b" } else { "" });
            if let Some(color) = &color {
                let _ = write!(class, " c{color}");
            }
            spans.push(Span {
                class: class.trim().into(),
                text: text.into(),
            });
        }
    }
    // Lines without any color are the program's own.
    if let [span] = &mut spans[..]
        && span.class.is_empty()
    {
        span.class.push_str("out");
    }
    spans
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}
