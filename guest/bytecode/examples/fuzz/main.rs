//! Breaks chunks in many ways, and runs those that the verifier accepts nevertheless.
//!
//! What is accepted has to be harmless: if it is not, the process that runs it dies, by a signal, a failed
//! assertion of Lua's or a sanitizer. So mutants run in child processes, and the seed that killed one is
//! reported. See the crate's README for how to build Lua for this.

mod mutants;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, io, thread};

use clap::Parser;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use mutants::corpus::Corpus;
use mutants::walk::{STEPS, Tally, walk};

/// Runs mutated Lua chunks that the verifier accepted
#[derive(Clone, Parser)]
struct Arguments {
    /// The first seed; one seed makes 32 mutants. To resume, go on with the seed that was reported last
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many mutants to make
    #[arg(long, default_value_t = 100_000)]
    count: u64,
    /// Child processes at a time
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Seeds for each child process
    #[arg(long, default_value_t = 500)]
    batch: u64,
    /// Keep each chunk in this folder until it has run; what is left there is what killed the process
    #[arg(long)]
    keep: Option<PathBuf>,
    /// End at the first death
    #[arg(long)]
    first: bool,
    /// Run in this process
    #[arg(long)]
    here: bool,
    /// Verify and run this chunk only, in this process
    #[arg(long)]
    chunk: Option<PathBuf>,
}

/// What a thread in WebAssembly has for its stack, where the verifier is to work too.
const STACK_BYTES: usize = 1 << 20;

/// How long a child may be silent, in seconds: a walk takes milliseconds, but `string.rep` can take forever.
const PATIENCE_S: u64 = 15;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let seeds = arguments.count.div_ceil(STEPS);
    if let Some(file) = &arguments.chunk {
        let bytes = fs::read(file)?;
        match cu_bytecode::verify(&bytes) {
            Ok(_) if mutants::sandbox::run(&bytes) => println!("accepted, and ran to its end"),
            Ok(_) => println!("accepted, and ran out of instructions"),
            Err(refusal) => println!("refused: {refusal}"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.here {
        let run = move || run_here(&arguments, seeds).map_err(|err| err.to_string());
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(run)?;
        thread.join().map_err(|_| "the fuzzer itself panicked")??;
        return Ok(ExitCode::SUCCESS);
    }
    let style = "{elapsed_precise} {bar:30} {human_pos}/{human_len} mutants, {msg}";
    let bar = ProgressBar::new(seeds * STEPS).with_style(ProgressStyle::with_template(style)?);
    let (sender, results) = mpsc::channel();
    let next = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(arguments.seed));
    let end = arguments.seed + seeds;
    for _ in 0..arguments.jobs.max(1) {
        let (sender, next, arguments) = (sender.clone(), next.clone(), arguments.clone());
        thread::spawn(move || {
            loop {
                let from = next.fetch_add(arguments.batch, std::sync::atomic::Ordering::Relaxed);
                if from >= end {
                    return;
                }
                batch(&arguments, from, end.min(from + arguments.batch), &sender);
            }
        });
    }
    drop(sender);
    let mut total = Tally::default();
    let (mut deaths, mut silences) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Event::Walked(tally) => {
                total.add(tally);
                bar.set_position(total.mutants);
                bar.set_message(format!(
                    "{} accepted, {} deaths",
                    HumanCount(total.accepted),
                    deaths.len()
                ));
            }
            Event::Died(seed, status) => {
                bar.suspend(|| println!("seed {seed} killed its process: {status}"));
                deaths.push(seed);
                if arguments.first {
                    break;
                }
            }
            Event::Silent(seed) => {
                bar.suspend(|| println!("seed {seed} took more than {PATIENCE_S} s"));
                silences.push(seed);
            }
            Event::Broken(err) => return Err(err.into()),
        }
    }
    bar.finish();
    println!(
        "seeds {} to {}: {} mutants, {} accepted, {} ran to their end; deaths at {deaths:?}, silence at {silences:?}",
        arguments.seed,
        end - 1,
        total.mutants,
        total.accepted,
        total.finished
    );
    Ok(if deaths.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

enum Event {
    Walked(Tally),
    Died(u64, String),
    Silent(u64),
    Broken(io::Error),
}

/// Runs seeds in children, a new one behind each seed that ended the one before.
fn batch(arguments: &Arguments, mut from: u64, to: u64, events: &mpsc::Sender<Event>) {
    while from < to {
        match child(arguments, from, to, events) {
            Ok(last) => from = last + 1,
            Err(err) => {
                let _ = events.send(Event::Broken(err));
                return;
            }
        }
    }
}

/// Runs seeds in one child; the last seed that it got to.
fn child(
    arguments: &Arguments,
    from: u64,
    to: u64,
    events: &mpsc::Sender<Event>,
) -> io::Result<u64> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("--here").args(["--seed", &from.to_string()]);
    command.args(["--count", &((to - from) * STEPS).to_string()]);
    if let Some(folder) = &arguments.keep {
        command.arg("--keep").arg(folder);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| io::Error::other("no output"))?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    // A line names the seed that begins, or gives the numbers of the one that ended.
    let mut current = from;
    loop {
        match lines.recv_timeout(Duration::from_secs(PATIENCE_S)) {
            Ok(line) => {
                let numbers: Vec<u64> = line
                    .split(' ')
                    .filter_map(|word| word.parse().ok())
                    .collect();
                match numbers[..] {
                    [seed] => current = seed,
                    [mutants, accepted, finished] => {
                        let tally = Tally {
                            mutants,
                            accepted,
                            finished,
                        };
                        let _ = events.send(Event::Walked(tally));
                    }
                    _ => {}
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill()?;
                child.wait()?;
                let _ = events.send(Event::Silent(current));
                return Ok(current);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait()?;
    if !status.success() {
        let _ = events.send(Event::Died(current, status.to_string()));
        return Ok(current);
    }
    Ok(to - 1)
}

fn run_here(arguments: &Arguments, seeds: u64) -> Result<(), Box<dyn Error>> {
    let corpus = Corpus::compile();
    let mut out = io::stdout().lock();
    for seed in arguments.seed..arguments.seed + seeds {
        writeln!(out, "{seed}")?;
        out.flush()?;
        let mut kept = Vec::new();
        let tally = walk(&corpus, seed, |step, bytes| {
            if let Some(folder) = &arguments.keep {
                let file = folder.join(format!("{seed}-{step}.luac"));
                if fs::write(&file, bytes).is_ok() {
                    kept.push(file);
                }
            }
        });
        for file in kept {
            fs::remove_file(file)?;
        }
        writeln!(
            out,
            "{} {} {}",
            tally.mutants, tally.accepted, tally.finished
        )?;
    }
    Ok(())
}
