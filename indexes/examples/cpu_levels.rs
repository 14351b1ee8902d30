//! Prints the instruction sets that `ALIKE_CPU_LEVEL` takes on this machine, one per line, slowest first.
#![allow(clippy::print_stdout, reason = "the list is the program's output")]

use alike_indexes::kernel::Level;

fn main() {
    for level in Level::available() {
        println!("{level}");
    }
}
