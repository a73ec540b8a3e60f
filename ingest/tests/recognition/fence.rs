//! What a program behind the fence can do, and how it ends.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use terroir_ingest::fence::{Errand, Fence, FenceError};

use crate::{Tests, this_program};

/// The argument that makes this program try what it should not be able to do.
pub const PROBE: &str = "probe";

pub async fn all(tests: &mut Tests) {
    crate::run!(
        tests,
        files_network_and_secrets_are_out_of_reach,
        its_own_folder_is_in_reach_but_no_link_out_of_it,
        a_program_gets_its_input_and_gives_its_output,
        a_program_that_hangs_ends_with_all_that_it_started,
        a_program_that_spins_ends_with_its_cpu_time,
        endless_output_ends_it,
        a_program_that_is_not_there_is_named,
    );
}

/// A program of a few lines of shell.
pub fn script(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn errand(program: PathBuf, arguments: &[&str], folder: Option<PathBuf>) -> Errand {
    Errand {
        program,
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        folder,
        max_memory_bytes: 1 << 30,
        max_cpu_seconds: 20,
        max_wall_seconds: 20,
        max_file_bytes: 1 << 20,
        max_output_bytes: 1 << 16,
    }
}

async fn run(errand: &Errand, input: &[u8]) -> Result<String, FenceError> {
    let output = Fence::new(this_program()).run(errand, input).await?;
    Ok(String::from_utf8(output).unwrap())
}

/// Says what it could do.
pub fn probe(secret: &str) -> ExitCode {
    let secret = Path::new(secret);
    let attempts = [
        ("reads a secret", std::fs::read(secret).is_ok()),
        ("lists its folder", std::fs::read_dir(secret.parent().unwrap()).is_ok()),
        ("lists the root", std::fs::read_dir("/").is_ok()),
        ("reads the users", std::fs::read("/etc/passwd").is_ok()),
        ("sees other processes", std::fs::read_dir("/proc").is_ok()),
        ("writes", std::fs::write(secret.with_extension("written"), "x").is_ok()),
        ("listens", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("sends", UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("knows its home", std::env::var_os("HOME").is_some()),
    ];
    for (name, _) in attempts.iter().filter(|(_, done)| *done) {
        println!("{name}");
    }
    ExitCode::SUCCESS
}

async fn files_network_and_secrets_are_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.txt");
    std::fs::write(&secret, "key").unwrap();
    let found = run(&errand(this_program(), &[PROBE, secret.to_str().unwrap()], None), &[]).await;
    assert_eq!(found.as_deref(), Ok(""), "what a program can do behind the fence");
    let free = std::process::Command::new(this_program()).arg(PROBE).arg(&secret).output().unwrap();
    assert_eq!(String::from_utf8(free.stdout).unwrap().lines().count(), 9, "the attempts succeed without a fence");
}

async fn its_own_folder_is_in_reach_but_no_link_out_of_it() {
    let (own, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let program = script(
        tools.path(),
        "writer",
        "cat > note && cat note; ln -s /etc/passwd link 2>/dev/null && echo linked; echo x > ../note && echo left; true",
    );
    let errand = errand(program, &[], Some(own.path().to_owned()));
    assert_eq!(run(&errand, b"in its own folder\n").await.unwrap(), "in its own folder\n");
    assert!(own.path().join("note").exists() && !own.path().join("link").exists());
}

async fn a_program_gets_its_input_and_gives_its_output() {
    let tools = tempfile::tempdir().unwrap();
    let program = script(tools.path(), "turn", "tr a-z A-Z; echo \"$1\"; exit $2");
    assert_eq!(run(&errand(program.clone(), &["x", "0"], None), b"quince ").await.unwrap(), "QUINCE x\n");
    let error = run(&errand(program, &["x", "3"], None), b"").await.unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
}

async fn a_program_that_hangs_ends_with_all_that_it_started() {
    let tools = tempfile::tempdir().unwrap();
    // A time that no other process sleeps for.
    let seconds = 40_000 + std::process::id();
    let program = script(tools.path(), "hang", &format!("sleep {seconds} & setsid sleep {seconds} & sleep {seconds}"));
    let errand = Errand { max_wall_seconds: 1, ..errand(program, &[], None) };
    let started = Instant::now();
    assert_eq!(run(&errand, &[]).await, Err(FenceError::TimedOut { program: "hang".into(), seconds: 1 }));
    assert!(started.elapsed() < Duration::from_secs(10));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sleeping = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        command.contains(&format!("sleep\0{seconds}"))
    });
    assert_eq!(sleeping.count(), 0, "processes of the errand are left");
}

async fn a_program_that_spins_ends_with_its_cpu_time() {
    let tools = tempfile::tempdir().unwrap();
    let program = script(tools.path(), "spin", "while :; do :; done");
    let errand = Errand { max_cpu_seconds: 1, ..errand(program, &[], None) };
    assert_eq!(run(&errand, &[]).await, Err(FenceError::TimedOut { program: "spin".into(), seconds: 1 }));
}

async fn endless_output_ends_it() {
    let tools = tempfile::tempdir().unwrap();
    let program = script(tools.path(), "flood", "yes");
    let error = run(&errand(program, &[], None), &[]).await.unwrap_err();
    assert_eq!(error, FenceError::TooMuch { program: "flood".into(), bytes: 1 << 16 });
}

async fn a_program_that_is_not_there_is_named() {
    let error = run(&errand("/nowhere/tesseract".into(), &[], None), &[]).await.unwrap_err();
    assert!(matches!(error, FenceError::NotStarted { .. }) && error.to_string().contains("/nowhere"), "{error}");
}
