//! Figures, and how they are shown.

use std::io::{self, IsTerminal, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// What a figure has to reach: its ratio to the peer where it has one, or else its value.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn number(self) -> f64 {
        match self {
            Self::AtLeast(number) | Self::AtMost(number) => number,
        }
    }

    fn is_met_by(self, number: f64) -> bool {
        match self {
            Self::AtLeast(least) => number >= least,
            Self::AtMost(most) => number <= most,
        }
    }
}

/// One measured number.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured, as a path: `write/batch`.
    pub bench: String,
    /// Of what: the size, the variant.
    pub subject: String,
    pub value: f64,
    pub unit: &'static str,
    /// What it is compared with.
    pub peer: Option<String>,
    pub peer_value: Option<f64>,
    /// `value` divided by `peer_value`.
    pub ratio: Option<f64>,
    pub target: Option<f64>,
    pub met: Option<bool>,
    #[serde(skip)]
    wanted: Option<Target>,
}

impl Figure {
    pub fn new(bench: &str, subject: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            bench: bench.to_owned(),
            subject: subject.into(),
            value,
            unit,
            peer: None,
            peer_value: None,
            ratio: None,
            target: None,
            met: None,
            wanted: None,
        }
    }

    pub fn beside(mut self, peer: impl Into<String>, value: f64) -> Self {
        self.peer = Some(peer.into());
        self.peer_value = Some(value);
        self.ratio = Some(self.value / value);
        self
    }

    pub fn wants(mut self, target: Target) -> Self {
        self.wanted = Some(target);
        self.target = Some(target.number());
        self.met = Some(target.is_met_by(self.ratio.unwrap_or(self.value)));
        self
    }
}

/// Collects figures: each is a line of JSON as soon as it is there, or a row of the table at the end.
pub struct Report {
    json: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self {
            json,
            figures: Vec::new(),
        }
    }

    pub fn add(&mut self, figure: Figure) {
        if self.json {
            let line = serde_json::to_string(&figure).expect("a figure is plain data");
            // Whoever reads may have gone; the figures before were theirs all the same.
            drop(writeln!(io::stdout(), "{line}"));
        }
        self.figures.push(figure);
    }

    /// The figures so far whose bench begins so.
    pub fn of<'a>(&'a self, bench: &'a str) -> impl Iterator<Item = &'a Figure> {
        self.figures
            .iter()
            .filter(move |figure| figure.bench.starts_with(bench))
    }

    /// Prints the table, losses and all, and how many targets were met.
    pub fn finish(&self) {
        if self.json {
            return;
        }
        let mut table = Table::new();
        table.load_style(if io::stdout().is_terminal() {
            presets::UTF8_FULL_CONDENSED
        } else {
            presets::ASCII_MARKDOWN
        });
        table.set_header([
            "bench", "subject", "value", "unit", "peer", "of peer", "ratio", "target", "",
        ]);
        for figure in &self.figures {
            let number = |value: Option<f64>| value.map_or(String::new(), show);
            let target = match figure.wanted {
                Some(Target::AtLeast(least)) => format!("≥ {least}"),
                Some(Target::AtMost(most)) => format!("≤ {most}"),
                None => String::new(),
            };
            let met = match figure.met {
                Some(true) => "met",
                Some(false) => "missed",
                None => "",
            };
            table.add_row([
                figure.bench.clone(),
                figure.subject.clone(),
                show(figure.value),
                figure.unit.to_owned(),
                figure.peer.clone().unwrap_or_default(),
                number(figure.peer_value),
                number(figure.ratio),
                target,
                met.to_owned(),
            ]);
        }
        for column in [2, 5, 6, 7] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        println!("{table}");
        let wanted = self
            .figures
            .iter()
            .filter(|figure| figure.met.is_some())
            .count();
        let met = self
            .figures
            .iter()
            .filter(|figure| figure.met == Some(true))
            .count();
        println!("{met} of {wanted} targets met");
    }
}

/// Three digits that mean something.
fn show(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
