
#[doc(hidden)]
mod pairsmith_main {
    //! Comes before Rust's own test runner; speaks the lines of `pipeline.sandbox.inside.foreign`.
    use std::fs::File;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::io::FromRawFd;

    extern "C" {
        fn __real_main(n: i32, arguments: *const *const u8) -> i32;
        fn on_exit(call: extern "C" fn(i32, *const u8), given: *const u8) -> i32;
    }

    static mut NONCE: String = String::new();

    fn say(text: &str) {
        let mut answers = std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(4) });
        let nonce = unsafe { std::mem::take(&mut *std::ptr::addr_of_mut!(NONCE)) };
        if !nonce.is_empty() { let _ = answers.write_all(format!("{} {}\n", nonce, text).as_bytes()); }
    }

    /// The runner ends with 101 where a test failed.
    extern "C" fn ended(status: i32, _: *const u8) {
        if status == 101 { say("Rpanic"); }
    }

    #[no_mangle]
    pub extern "C" fn __wrap_main(_: i32, arguments: *const *const u8) -> i32 {
        std::env::set_var("RUST_TEST_THREADS", "1");
        let mut requests = BufReader::new(unsafe { File::from_raw_fd(3) });
        for is_first in [true, false] {
            let mut line = String::new();
            if requests.read_line(&mut line).unwrap_or(0) == 0 { return 0; }
            let nonce = line.split(' ').next().unwrap_or("").trim_end().to_string();
            unsafe { NONCE = nonce; }
            if is_first { say("L"); }
        }
        unsafe { on_exit(ended, std::ptr::null()); }
        let status = unsafe { __real_main(1, arguments) };
        say(if status == 0 { "Vnull" } else { "Rpanic" });
        let _ = requests.read_line(&mut String::new());
        0
    }
}
