//! Other frameworks at the same work, by the scripts in `benches/peers`.

use super::Outcome;
use std::path::Path;
use std::process::Command;

/// A script whose last two lines are its figures: names, and numbers below them.
pub struct Peer {
    script: &'static str,
    arguments: [&'static str; 4],
    /// Which of the numbers, from 0, is to be compared with ours, and what it is.
    column: usize,
    figure: &'static str,
}

pub const NOISE: [Peer; 2] = [
    Peer {
        script: "simulate_pfl.py",
        arguments: ["--sites", "1000", "--rounds", "10"],
        column: 4,
        figure: "processor time beyond the bare loop",
    },
    Peer {
        script: "simulate_flower.py",
        arguments: ["--sites", "100", "--rounds", "5"],
        column: 2,
        figure: "wall-clock time on all cores beyond the bare loop",
    },
];

pub const SMALL_NETWORK: [Peer; 2] = [
    Peer {
        script: "simulate_pfl_cnn.py",
        arguments: ["--sites", "100", "--rounds", "5"],
        column: 5,
        figure: "processor time",
    },
    Peer {
        script: "simulate_flower_cnn.py",
        arguments: ["--sites", "100", "--rounds", "3"],
        column: 2,
        figure: "processor time",
    },
];

/// Prints each peer's figures, and how many times `ours` they are.
pub fn compare(peers: &[Peer], ours: f64) -> Outcome<()> {
    for peer in peers {
        println!("\n{}", peer.script);
        let [names, numbers] = peer.run()?;
        println!("{names}\n{numbers}");
        let number = numbers.split_whitespace().nth(peer.column).ok_or("fewer figures than expected")?;
        println!("{}: {:.1} times our processor time", peer.figure, number.parse::<f64>()? / ours);
    }
    Ok(())
}

impl Peer {
    fn run(&self) -> Outcome<[String; 2]> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers").join(self.script);
        let output = Command::new("python3").arg(file).args(self.arguments).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let mut lines = text.lines().rev().map(str::to_owned);
        let numbers = lines.next().ok_or("the script said nothing")?;
        Ok([lines.next().ok_or("the script said one line")?, numbers])
    }
}
