//! What the browser calls: plain functions over bytes. A text goes in at a place that [`take`]
//! gave, and what is said comes out through the page's own function `tell`.
//!
//! A panic ends the module: it is told like all else, `["panic", node, sentence, place]`, and
//! the page makes a new module for the next run.
#![allow(unsafe_code, reason = "a browser and a module share nothing but bytes in memory")]

use std::cell::RefCell;
use std::panic;

use serde_json::json;

#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Gives so many bytes, from this place on, to the page.
    fn tell(start: *const u8, length: usize);

    /// Whether the reader has waited long enough.
    safe fn is_over() -> bool;
}

thread_local! {
    /// What the page has put in.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A place for a text of so many bytes.
#[unsafe(no_mangle)]
extern "C" fn take(length: usize) -> *mut u8 {
    TEXT.with_borrow_mut(|text| {
        *text = vec![0; length];
        text.as_mut_ptr()
    })
}

fn taken() -> String {
    String::from_utf8_lossy(&TEXT.take()).into_owned()
}

fn say(text: &str) {
    // SAFETY: the page copies the bytes before it returns, and `text` lives as long as that.
    unsafe { tell(text.as_ptr(), text.len()) }
}

/// Tells which scenes there are.
#[unsafe(no_mangle)]
extern "C" fn scenes() {
    say(&crate::scenes());
}

/// Runs what was put in, and tells what happens.
#[unsafe(no_mangle)]
extern "C" fn run() {
    panic::set_hook(Box::new(|panic| {
        let sentence = maelstrom::simulation::panic_sentence(panic.payload());
        let place = panic.location().map(ToString::to_string);
        say(&json!(["panic", crate::running_node(), sentence, place]).to_string());
    }));
    crate::run(&taken(), say);
}

/// Shrinks the run that was put in, and tells what is found.
#[unsafe(no_mangle)]
extern "C" fn shrink() {
    crate::shrink(&taken(), say, || is_over());
}

/// Judges so many entries of the history that was put in. The first line of the text is what was
/// run, and the rest is the history.
#[unsafe(no_mangle)]
extern "C" fn judge(entries: usize) {
    let text = taken();
    let (asked, history) = text.split_once('\n').unwrap_or((&text, ""));
    say(&crate::judge(asked, entries, history));
}
