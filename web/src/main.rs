//! The `terroir` binary: everything is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    terroir_web::cli::main()
}
