//! The binary: everything is in the library, so that tests, the quickstart and the benchmark run the same code.

use std::process::ExitCode;

fn main() -> ExitCode {
    aws_auth_operator::cli::main()
}
