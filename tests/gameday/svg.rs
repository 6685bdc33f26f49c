//! As much of SVG as the timelines need. Each drawing has a background of its own, and follows the reader's choice of light or
//! dark where what shows it tells.

use std::fmt::Write as _;

/// The size of a drawing, and where its panels begin and end, in pixels.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 944.0;
const TOP: f64 = 64.0;
const PANEL: f64 = 120.0;
const BETWEEN: f64 = 46.0;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600;fill:#111}\
    .back{fill:#fff}.grid{stroke:#ddd}.trouble{fill:#d33;fill-opacity:.12}.line{fill:none;stroke-width:1.8}\
    .area{stroke:none;fill-opacity:.25}\
    .s0{stroke:#c2410c;fill:#c2410c}.s1{stroke:#1d6fb8;fill:#1d6fb8}.s2{stroke:#2f7d4f;fill:#2f7d4f}\
    .s3{stroke:#7a4fc0;fill:#7a4fc0}.s4{stroke:#666;fill:#666}.line{fill:none}.area{stroke:none}\
    @media (prefers-color-scheme:dark){text{fill:#ccc}.title{fill:#f2f2f2}.back{fill:#16181d}.grid{stroke:#343840}\
    .trouble{fill:#f66;fill-opacity:.18}.s0{stroke:#fb923c;fill:#fb923c}.s1{stroke:#60b0f4;fill:#60b0f4}\
    .s2{stroke:#6ecf95;fill:#6ecf95}.s3{stroke:#b79af0;fill:#b79af0}.s4{stroke:#aaa;fill:#aaa}\
    .line{fill:none}.area{stroke:none}}";

/// The look of a line: its place in the palette.
pub const GREY: usize = 4;

/// How the values of a panel are set out.
#[derive(Clone, Copy)]
pub enum Scale {
    /// From 0 to the greatest.
    Linear(f64),
    /// Logarithmic, from the least to the greatest.
    Logarithmic(f64, f64),
}

impl Scale {
    /// Where a value lies: 0 at the bottom, 1 at the top.
    fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear(greatest) => value / greatest,
            Self::Logarithmic(least, greatest) => (value / least).ln() / (greatest / least).ln(),
        };
        place.clamp(0.0, 1.0)
    }

    /// The values at which a line goes across.
    fn marks(self) -> Vec<f64> {
        match self {
            Self::Linear(greatest) => vec![0.0, greatest / 2.0, greatest],
            Self::Logarithmic(least, greatest) => {
                let decades = (-3..4).map(|power| 10_f64.powi(power));
                decades.filter(|mark| (least..=greatest).contains(mark)).collect()
            }
        }
    }
}

/// A series of a panel: its name, its place in the palette, and its points.
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its place in the palette.
    pub look: usize,
    /// Whether the space below it is filled.
    pub is_area: bool,
    /// The time between two points, in seconds.
    pub step: f64,
    /// Times and values.
    pub points: Vec<(f64, f64)>,
}

/// A drawing of several panels over one time.
pub struct Drawing {
    text: String,
    seconds: f64,
    trouble: (f64, f64),
    panels: usize,
}

impl Drawing {
    /// One that lasts so many seconds, with the time of the trouble.
    pub fn new(title: &str, seconds: f64, trouble: (f64, f64)) -> Self {
        let mut drawing = Self { text: String::new(), seconds, trouble, panels: 0 };
        drawing.text(LEFT, 26.0, "title", "start", title);
        drawing
    }

    /// Adds a panel below the others.
    pub fn panel(&mut self, title: &str, scale: Scale, series: &[Series]) {
        let top = TOP + self.panels as f64 * (PANEL + BETWEEN);
        self.panels += 1;
        self.frame(top, scale);
        self.text(LEFT, top - 8.0, "", "start", title);
        let mut end = RIGHT;
        for series in series.iter().rev() {
            self.text(end, top - 8.0, &format!("s{}", series.look), "end", &series.name);
            end -= 9.0 + 6.6 * series.name.chars().count() as f64;
        }
        for series in series {
            self.series(top, scale, series);
        }
    }

    /// The grid, its marks, and the time of the trouble.
    fn frame(&mut self, top: f64, scale: Scale) {
        let (from, until) = (self.x(self.trouble.0), self.x(self.trouble.1));
        let width = (until - from).max(0.0);
        let _ = writeln!(
            self.text,
            "<rect class=\"trouble\" x=\"{from:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{PANEL}\"/>"
        );
        for mark in scale.marks() {
            let y = top + PANEL * (1.0 - scale.place(mark));
            let _ = writeln!(
                self.text,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>"
            );
            self.text(LEFT - 6.0, y + 4.0, "", "end", &number(mark));
        }
        let step = if self.seconds > 60.0 { 10.0 } else { 5.0 };
        let mut at = 0.0;
        while at <= self.seconds {
            self.text(self.x(at), top + PANEL + 15.0, "", "middle", &format!("{at} s"));
            at += step;
        }
    }

    /// Draws a series; where it has no point, nothing.
    fn series(&mut self, top: f64, scale: Scale, series: &Series) {
        for points in series.points.chunk_by(|one, next| next.0 - one.0 < 1.5 * series.step) {
            self.piece(top, scale, series, points);
        }
    }

    fn piece(&mut self, top: f64, scale: Scale, series: &Series, points: &[(f64, f64)]) {
        let y = |value: f64| top + PANEL * (1.0 - scale.place(value));
        let point = |&(at, value): &(f64, f64)| format!("{:.1},{:.1}", self.x(at), y(value));
        let mut line: Vec<String> = points.iter().map(point).collect();
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let (look, floor) = (series.look, top + PANEL);
        let _ = if series.is_area {
            line.insert(0, format!("{:.1},{floor:.1}", self.x(first.0)));
            line.push(format!("{:.1},{floor:.1}", self.x(last.0)));
            writeln!(self.text, "<polygon class=\"s{look} area\" points=\"{}\"/>", line.join(" "))
        } else if points.len() == 1 {
            let (x, y) = (self.x(first.0), y(first.1));
            writeln!(self.text, "<circle class=\"s{look}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.5\"/>")
        } else {
            writeln!(self.text, "<polyline class=\"s{look} line\" points=\"{}\"/>", line.join(" "))
        };
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let style = if class.starts_with('s') { " style=\"stroke:none\"" } else { "" };
        let _ = writeln!(
            self.text,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{style}>{text}</text>"
        );
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (seconds / self.seconds).clamp(0.0, 1.0)
    }

    /// The file.
    pub fn finish(self) -> String {
        let height = TOP + self.panels as f64 * (PANEL + BETWEEN) - BETWEEN + 28.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
             <style>{STYLE}</style>\n<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n{}</svg>\n",
            self.text
        )
    }
}

/// A mark, without digits that say nothing.
fn number(value: f64) -> String {
    if value >= 10.0 || value == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{}", (value * 1_000.0).round() / 1_000.0)
    }
}
