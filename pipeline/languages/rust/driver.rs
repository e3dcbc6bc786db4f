#[doc(hidden)]
#[allow(dead_code)]
pub(crate) mod pairsmith {
    //! Reads arguments and writes values for a Rust solution; speaks the lines of `pipeline.sandbox.inside.foreign`.
    use std::collections::*;
    use std::fs::File;
    use std::hash::Hash;
    use std::io::{BufRead, BufReader, Write as _};
    use std::os::unix::io::FromRawFd;
    use std::rc::Rc;
    use std::string::String;
    use std::vec::Vec;

    #[derive(Clone, Debug)]
    pub enum Json {
        Null,
        Bool(bool),
        Number(String),
        Str(String),
        List(Vec<Json>),
        Tagged(String, Box<Json>),
    }
    use Json::*;

    /// What ends a call by a name of its own.
    pub struct ArgumentError;
    pub struct TooLarge;

    /// Tests may end by `exit(0)`; a solution that does so has passed nothing.
    struct Ended;
    pub fn exit_tests(status: i32) -> ! {
        if status == 0 { std::panic::panic_any(Ended) }
        std::process::exit(status)
    }

    fn refuse<T>() -> T {
        std::panic::panic_any(ArgumentError)
    }

    struct Parser<'a> {
        text: &'a [u8],
        at: usize,
    }

    impl<'a> Parser<'a> {
        fn parse(&mut self) -> Json {
            match self.text[self.at] {
                b'n' => { self.at += 4; Null }
                b't' => { self.at += 4; Bool(true) }
                b'f' => { self.at += 5; Bool(false) }
                b'"' => Str(self.string()),
                b'[' => {
                    let mut items = Vec::new();
                    self.at += 1;
                    while self.text[self.at] != b']' {
                        if self.text[self.at] == b',' { self.at += 1; } else { items.push(self.parse()); }
                    }
                    self.at += 1;
                    List(items)
                }
                b'{' => {
                    self.at += 1;
                    let tag = self.string();
                    self.at += 1;
                    let body = self.parse();
                    self.at += 1;
                    Tagged(tag, Box::new(body))
                }
                _ => {
                    let start = self.at;
                    while self.at < self.text.len() && b"+-.eE0123456789".contains(&self.text[self.at]) {
                        self.at += 1;
                    }
                    Number(String::from_utf8_lossy(&self.text[start..self.at]).into_owned())
                }
            }
        }

        fn hex(&mut self) -> u32 {
            let digits = std::str::from_utf8(&self.text[self.at + 1..self.at + 5]).unwrap_or("0");
            self.at += 5;
            u32::from_str_radix(digits, 16).unwrap_or(0xfffd)
        }

        fn string(&mut self) -> String {
            let mut made = String::new();
            self.at += 1;
            while self.text[self.at] != b'"' {
                if self.text[self.at] != b'\\' {
                    made.push(self.text[self.at] as char);
                    self.at += 1;
                    continue;
                }
                self.at += 1;
                let c = self.text[self.at];
                if c != b'u' {
                    made.push(match c { b'n' => '\n', b'r' => '\r', b't' => '\t', b'b' => '\u{8}', b'f' => '\u{c}', _ => c as char });
                    self.at += 1;
                    continue;
                }
                let mut code = self.hex();
                if (0xd800..0xdc00).contains(&code) && self.text[self.at] == b'\\' && self.text[self.at + 1] == b'u' {
                    self.at += 1;
                    code = 0x10000 + ((code - 0xd800) << 10) + self.hex().wrapping_sub(0xdc00);
                }
                made.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            self.at += 1;
            made
        }
    }

    // --- from JSON

    pub trait Read: Sized {
        fn read(json: &Json) -> Self;
    }

    pub fn argument<T: Read>(arguments: &[Json], index: usize) -> T {
        T::read(&arguments[index])
    }

    fn parts(json: &Json) -> &[Json] {
        match json {
            List(items) => items,
            Tagged(tag, body) if tag == "tuple" || tag == "set" || tag == "frozenset" => parts(body),
            _ => refuse(),
        }
    }

    fn pairs(json: &Json) -> &[Json] {
        match json {
            Tagged(tag, body) if tag == "dict" => parts(body),
            _ => refuse(),
        }
    }

    fn whole(json: &Json) -> (bool, u128) {
        let (digits, base) = match json {
            Bool(value) => return (false, *value as u128),
            Number(text) => (text.clone(), 10),
            Tagged(tag, body) if tag == "int" => match &**body {
                Str(text) => (text.replacen("0x", "", 1), 16),
                _ => refuse(),
            },
            _ => refuse(),
        };
        let negative = digits.starts_with('-');
        match u128::from_str_radix(digits.trim_start_matches('-'), base) {
            Ok(value) => (negative, value),
            Err(_) => refuse(),
        }
    }

    macro_rules! integers {
        ($($kind:ty)*) => {$(
            impl Read for $kind {
                fn read(json: &Json) -> Self {
                    let (negative, size) = whole(json);
                    if !negative {
                        return <$kind>::try_from(size).unwrap_or_else(|_| refuse());
                    }
                    match i128::try_from(size).map(|value| <$kind>::try_from(-value)) {
                        Ok(Ok(value)) => value,
                        _ => refuse(),
                    }
                }
            }
            impl Write for $kind {
                fn write(&self, out: &mut Out) {
                    let value = *self;
                    #[allow(unused_comparisons)]
                    let negative = value < 0;
                    let size = if negative { (value as i128).unsigned_abs() } else { value as u128 };
                    let sign = if negative { "-" } else { "" };
                    if size <= 1 << 53 {
                        out.text.push_str(&format!("{}{}", sign, size));
                    } else {
                        out.text.push_str(&format!("{{\"int\":\"{}0x{:x}\"}}", sign, size));
                    }
                }
            }
        )*};
    }
    integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

    macro_rules! floats {
        ($($kind:ty)*) => {$(
            impl Read for $kind {
                fn read(json: &Json) -> Self {
                    match json {
                        Number(text) => text.parse().unwrap_or_else(|_| refuse()),
                        Tagged(tag, body) if tag == "float" => match &**body {
                            Str(text) if text == "nan" => <$kind>::NAN,
                            Str(text) if text == "inf" => <$kind>::INFINITY,
                            _ => <$kind>::NEG_INFINITY,
                        },
                        _ => {
                            let (negative, size) = whole(json);
                            if negative { -(size as $kind) } else { size as $kind }
                        }
                    }
                }
            }
            impl Write for $kind {
                fn write(&self, out: &mut Out) {
                    if self.is_nan() { out.text.push_str("{\"float\":\"nan\"}") }
                    else if self.is_infinite() && *self > 0.0 { out.text.push_str("{\"float\":\"inf\"}") }
                    else if self.is_infinite() { out.text.push_str("{\"float\":\"-inf\"}") }
                    else { out.text.push_str(&format!("{:?}", self)) }
                }
            }
        )*};
    }
    floats!(f32 f64);

    impl Read for bool {
        fn read(json: &Json) -> Self {
            if let Bool(value) = json { *value } else { refuse() }
        }
    }
    impl Read for char {
        fn read(json: &Json) -> Self {
            let text = String::read(json);
            let mut letters = text.chars();
            match (letters.next(), letters.next()) { (Some(letter), None) => letter, _ => refuse() }
        }
    }
    impl Read for String {
        fn read(json: &Json) -> Self {
            if let Str(text) = json { text.clone() } else { refuse() }
        }
    }
    impl Read for () {
        fn read(_: &Json) -> Self {}
    }
    // What is borrowed is kept for ever: the process is one program's.
    impl Read for &'static str {
        fn read(json: &Json) -> Self { Box::leak(String::read(json).into_boxed_str()) }
    }
    impl<T: Read> Read for &'static T {
        fn read(json: &Json) -> Self { Box::leak(Box::new(T::read(json))) }
    }
    impl<T: Read> Read for &'static mut T {
        fn read(json: &Json) -> Self { Box::leak(Box::new(T::read(json))) }
    }
    impl<T: Read> Read for &'static [T] {
        fn read(json: &Json) -> Self { Box::leak(Vec::<T>::read(json).into_boxed_slice()) }
    }
    impl<T: Read> Read for &'static mut [T] {
        fn read(json: &Json) -> Self { Box::leak(Vec::<T>::read(json).into_boxed_slice()) }
    }
    impl<T: Read> Read for Option<T> {
        fn read(json: &Json) -> Self {
            if let Null = json { None } else { Some(T::read(json)) }
        }
    }
    impl<T: Read> Read for Box<T> {
        fn read(json: &Json) -> Self { Box::new(T::read(json)) }
    }
    impl<T: Read> Read for Rc<T> {
        fn read(json: &Json) -> Self { Rc::new(T::read(json)) }
    }
    impl<T: Read> Read for Vec<T> {
        fn read(json: &Json) -> Self {
            if let Tagged(tag, body) = json {
                if let (true, Str(hex)) = (tag == "bytes", &**body) {
                    let bytes = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap_or(0));
                    return bytes.map(|byte| T::read(&Number(byte.to_string()))).collect();
                }
            }
            parts(json).iter().map(T::read).collect()
        }
    }
    impl<T: Read, const N: usize> Read for [T; N] {
        fn read(json: &Json) -> Self {
            Vec::<T>::read(json).try_into().unwrap_or_else(|_| refuse())
        }
    }
    impl<T: Read> Read for VecDeque<T> {
        fn read(json: &Json) -> Self { parts(json).iter().map(T::read).collect() }
    }
    impl<T: Read> Read for LinkedList<T> {
        fn read(json: &Json) -> Self { parts(json).iter().map(T::read).collect() }
    }
    impl<T: Read + Ord> Read for BinaryHeap<T> {
        fn read(json: &Json) -> Self { parts(json).iter().map(T::read).collect() }
    }
    impl<T: Read + Ord> Read for BTreeSet<T> {
        fn read(json: &Json) -> Self { parts(json).iter().map(T::read).collect() }
    }
    impl<T: Read + Eq + Hash> Read for HashSet<T> {
        fn read(json: &Json) -> Self { parts(json).iter().map(T::read).collect() }
    }
    impl<K: Read + Ord, V: Read> Read for BTreeMap<K, V> {
        fn read(json: &Json) -> Self { pairs(json).iter().map(<(K, V)>::read).collect() }
    }
    impl<K: Read + Eq + Hash, V: Read> Read for HashMap<K, V> {
        fn read(json: &Json) -> Self { pairs(json).iter().map(<(K, V)>::read).collect() }
    }

    // --- to JSON

    pub struct Out {
        text: String,
        depth: usize,
        left: usize,
    }

    impl Out {
        fn part<T: Write + ?Sized>(&mut self, value: &T) {
            if self.left == 0 || self.depth >= 100 {
                std::panic::panic_any(TooLarge);
            }
            self.left -= 1;
            self.depth += 1;
            value.write(self);
            self.depth -= 1;
        }

        fn all<'a, T: Write + 'a>(&mut self, items: impl Iterator<Item = &'a T>) {
            self.text.push('[');
            for (index, item) in items.enumerate() {
                if index > 0 { self.text.push(','); }
                self.part(item);
            }
            self.text.push(']');
        }

        fn map<'a, K: Write + 'a, V: Write + 'a>(&mut self, items: impl Iterator<Item = (&'a K, &'a V)>) {
            self.text.push_str("{\"dict\":[");
            for (index, (key, value)) in items.enumerate() {
                self.text.push_str(if index > 0 { ",[" } else { "[" });
                self.part(key);
                self.text.push(',');
                self.part(value);
                self.text.push(']');
            }
            self.text.push_str("]}");
        }
    }

    pub trait Write {
        fn write(&self, out: &mut Out);
    }

    impl Write for bool {
        fn write(&self, out: &mut Out) { out.text.push_str(if *self { "true" } else { "false" }) }
    }
    impl Write for () {
        fn write(&self, out: &mut Out) { out.text.push_str("null") }
    }
    impl Write for str {
        fn write(&self, out: &mut Out) {
            out.text.push('"');
            for unit in self.encode_utf16() {
                match unit {
                    0x22 | 0x5c => { out.text.push('\\'); out.text.push(unit as u8 as char) }
                    0x20..=0x7e => out.text.push(unit as u8 as char),
                    _ => out.text.push_str(&format!("\\u{:04x}", unit)),
                }
            }
            out.text.push('"');
        }
    }
    impl Write for String {
        fn write(&self, out: &mut Out) { self.as_str().write(out) }
    }
    impl Write for char {
        fn write(&self, out: &mut Out) { self.to_string().write(out) }
    }
    impl<T: Write + ?Sized> Write for &T {
        fn write(&self, out: &mut Out) { (**self).write(out) }
    }
    impl<T: Write + ?Sized> Write for &mut T {
        fn write(&self, out: &mut Out) { (**self).write(out) }
    }
    impl<T: Write + ?Sized> Write for Box<T> {
        fn write(&self, out: &mut Out) { (**self).write(out) }
    }
    impl<T: Write + ?Sized> Write for Rc<T> {
        fn write(&self, out: &mut Out) { (**self).write(out) }
    }
    impl<T: Write + ToOwned + ?Sized> Write for std::borrow::Cow<'_, T> {
        fn write(&self, out: &mut Out) { (**self).write(out) }
    }
    impl<T: Write> Write for Option<T> {
        fn write(&self, out: &mut Out) {
            match self { Some(value) => value.write(out), None => out.text.push_str("null") }
        }
    }
    /// `Ok` is its value; `Err` is an exception named after the error's type.
    impl<T: Write, E> Write for Result<T, E> {
        fn write(&self, out: &mut Out) {
            match self { Ok(value) => value.write(out), Err(_) => std::panic::panic_any(Failed(std::any::type_name::<E>())) }
        }
    }
    pub struct Failed(&'static str);

    impl<T: Write> Write for [T] {
        fn write(&self, out: &mut Out) { out.all(self.iter()) }
    }
    impl<T: Write, const N: usize> Write for [T; N] {
        fn write(&self, out: &mut Out) { out.all(self.iter()) }
    }
    macro_rules! sequences {
        ($($kind:ident)*) => {$(
            impl<T: Write> Write for $kind<T> {
                fn write(&self, out: &mut Out) { out.all(self.iter()) }
            }
        )*};
    }
    sequences!(Vec VecDeque LinkedList BinaryHeap);
    impl<T: Write> Write for BTreeSet<T> {
        fn write(&self, out: &mut Out) { out.text.push_str("{\"set\":"); out.all(self.iter()); out.text.push('}') }
    }
    impl<T: Write, S> Write for HashSet<T, S> {
        fn write(&self, out: &mut Out) { out.text.push_str("{\"set\":"); out.all(self.iter()); out.text.push('}') }
    }
    impl<K: Write, V: Write> Write for BTreeMap<K, V> {
        fn write(&self, out: &mut Out) { out.map(self.iter()) }
    }
    impl<K: Write, V: Write, S> Write for HashMap<K, V, S> {
        fn write(&self, out: &mut Out) { out.map(self.iter()) }
    }

    macro_rules! tuples {
        ($(($($name:ident $index:tt)+))*) => {$(
            impl<$($name: Read),+> Read for ($($name,)+) {
                fn read(json: &Json) -> Self {
                    let items = parts(json);
                    let n = [$($index),+].len();
                    if items.len() != n { refuse() }
                    ($($name::read(&items[$index]),)+)
                }
            }
            impl<$($name: Write),+> Write for ($($name,)+) {
                fn write(&self, out: &mut Out) {
                    out.text.push_str("{\"tuple\":[");
                    $( if $index > 0 { out.text.push(','); } out.part(&self.$index); )+
                    out.text.push_str("]}");
                }
            }
        )*};
    }
    tuples! {
        (A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3) (A 0 B 1 C 2 D 3 E 4) (A 0 B 1 C 2 D 3 E 4 F 5)
    }

    // --- calling

    pub fn show<T: Write>(value: T) -> String {
        let mut out = Out { text: String::new(), depth: 0, left: 1_000_000 };
        out.part(&value);
        out.text
    }

    fn answer(call: &dyn Fn(&[Json]) -> String, n: usize, text: &str) -> String {
        let guarded = std::panic::AssertUnwindSafe(|| {
            let json = Parser { text: text.as_bytes(), at: 0 }.parse();
            let arguments = parts(&json);
            if arguments.len() != n { refuse() }
            call(arguments)
        });
        match std::panic::catch_unwind(guarded) {
            Ok(value) => format!("V{}", value),
            Err(what) if what.is::<TooLarge>() => "T".to_string(),
            Err(what) if what.is::<Ended>() => "Vnull".to_string(),
            Err(what) if what.is::<ArgumentError>() => "RArgumentError".to_string(),
            Err(what) => match what.downcast_ref::<Failed>() {
                Some(Failed(name)) => format!("R{}", name.split('<').next().unwrap_or("").rsplit("::").next().unwrap_or("Err")),
                None => "Rpanic".to_string(),
            },
        }
    }

    pub fn serve(n: usize, call: &dyn Fn(&[Json]) -> String) -> ! {
        let mut requests = BufReader::new(unsafe { File::from_raw_fd(3) });
        let mut answers = unsafe { File::from_raw_fd(4) };
        let mut is_first = true;
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line).unwrap_or(0) == 0 {
                std::process::exit(0);
            }
            let (nonce, text) = line.trim_end_matches('\n').split_once(' ').unwrap_or(("", ""));
            let reply = if is_first { "L".to_string() } else { answer(call, n, text) };
            is_first = false;
            if answers.write_all(format!("{} {}\n", nonce, reply).as_bytes()).is_err() {
                std::process::exit(1);
            }
        }
    }
}
