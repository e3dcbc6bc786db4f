"""Programs in every language that do the same things, for the tests of languages."""

import json
from dataclasses import dataclass

from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import encode_arguments, encode_value


@dataclass(frozen=True, slots=True)
class Programs:
    """Programs of one language. All define `f`, of a list of numbers and a text.

    Attributes:
        program: prints on both streams at load and in each call, then gives twice each number, and the text with an
            exclamation mark. But for some texts it does something else: `raise`, `loop`, `exit` with code 0, `hog` all
            memory, `print` endlessly, give a `large` value.
        exception: name of what it raises; empty where a language has no exceptions.
        broken: is refused by the compiler, or at load where there is none.
        early: ends with code 0 while it is loaded; empty where a language has no such thing.
    """

    program: str
    exception: str
    broken: str
    early: str = ""


JAVASCRIPT = Programs(
    program="""
console.log('hello'); console.error('x'.repeat(1 << 20));
const f = (xs, s) => {
  console.log('{"int": 3}');
  if (s === 'raise') throw new TypeError('no');
  if (s === 'loop') for (;;);
  if (s === 'exit') process.exit(0);
  if (s === 'hog') for (const all = [];;) all.push(new Array(100000).fill(1.5));
  if (s === 'print') for (;;) try { require('fs').writeSync(1, 'x'.repeat(100000)); } catch (_) {}
  if (s === 'large') return 'x'.repeat(30000000);
  return [xs.map(x => x * 2), s + '!'];
};""",
    exception="TypeError",
    broken="function f(xs, s { return 1; }",
    early="process.exit(0); function f(xs, s) { return [xs.map(x => x * 2), s + '!']; }",
)
TYPESCRIPT = Programs(
    program=JAVASCRIPT.program.replace(
        "const f = (xs, s) =>", "export const f = (xs: number[], s: string): any =>"
    ).replace("const all = []", "const all: number[][] = []"),
    exception="TypeError",
    broken="function f(xs: number[], s: string): number { return s; }",
    early="process.exit(0); function f(xs: number[], s: string) { return [xs.map(x => x * 2), s + '!']; }",
)
JAVA = Programs(
    program="""
import java.util.*;
public class Main {
    static { System.out.println("hello"); System.err.println("x".repeat(1 << 20)); }
    public static Object[] f(int[] xs, String s) {
        System.out.println("{\\"int\\": 3}");
        if (s.equals("raise")) throw new IllegalStateException("no");
        if (s.equals("loop")) for (;;);
        if (s.equals("exit")) System.exit(0);
        List<long[]> all = new ArrayList<>();
        if (s.equals("hog")) for (;;) all.add(new long[100000]);
        if (s.equals("print")) for (;;) System.out.println("x".repeat(100000));
        if (s.equals("large")) return new Object[] {"x".repeat(30000000)};
        int[] ys = new int[xs.length];
        for (int i = 0; i < ys.length; i++) ys[i] = 2 * xs[i];
        return new Object[] {ys, s + "!"};
    }
    public static void main(String[] given) { System.exit(3); }
}""",
    exception="IllegalStateException",
    broken="class Solution { List<Object> f(List<Integer> xs, String s) { return s; } }",
    early="class Solution { static { System.exit(0); } static String f(int[] xs, String s) { return s; } }",
)
CPP = Programs(
    program="""
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>
using namespace std;
#define number int
static int early = (cout << "hello", cerr << string(1 << 20, 'x'), 1);
class Solution {
public:
    pair<vector<number>, string> f(vector<number>& xs, string s) {
        cout << "noise" << endl;
        volatile number x = 0;
        if (s == "raise") throw out_of_range("no");
        if (s == "loop") for (;;) x = x + 1;
        if (s == "exit") exit(0);
        vector<vector<double>> all;
        if (s == "hog") for (;;) all.emplace_back(100000, 1.5);
        if (s == "print") for (;;) cout << string(100000, 'x') << endl;
        if (s == "large") return {{}, string(30000000, 'x')};
        for (number& x : xs) x *= 2;
        return {xs, s + "!"};
    }
};
int main() { return 3; }
#define write int
""",
    exception="out_of_range",
    broken="#include <string>\nstd::string f(int* xs, std::string s) { return 1 + ; }",
    early="#include <cstdlib>\n#include <string>\n#include <vector>\nstatic int early = (exit(0), 1);\n"
    "std::string f(std::vector<int> xs, std::string s) { return s; }",
)
C = Programs(
    program="""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
__attribute__((constructor)) static void early(void) { printf("hello"); fprintf(stderr, "%01048576d", 1); }
int *f(const int *xs, int n, const char *s, int *returnSize) {
    printf("noise\\n");
    volatile int x = 0;
    if (!strcmp(s, "raise")) abort();
    if (!strcmp(s, "loop")) for (;;) x = x + 1;
    if (!strcmp(s, "exit")) exit(0);
    if (!strcmp(s, "hog")) for (;;) { volatile char *a = malloc(1 << 20); for (int i = 0; i < 1 << 20; i++) a[i] = 1; }
    if (!strcmp(s, "print")) for (;;) printf("%0100000d\\n", 1);
    int many = !strcmp(s, "large");
    *returnSize = many ? 5000000 : n;
    int *ys = calloc(*returnSize, sizeof(int));
    for (int i = 0; i < n; i++) ys[i] = 2 * xs[i];
    return ys;
}
int main(void) { return 3; }
""",
    exception="",
    broken="char *f(int *xs, int n, char *s) { return s +; }",
    early="#include <stdlib.h>\n__attribute__((constructor)) static void early(void) { exit(0); }\n"
    "char *f(int *xs, int n, char *s) { return s; }",
)
GO = Programs(
    program="""
import (
    "fmt"
    "os"
    "strings"
)
func init() { fmt.Println("hello"); fmt.Fprint(os.Stderr, strings.Repeat("x", 1 << 20)) }
func sort() {}
func f(xs []int, s string) ([]int, string, error) {
    fmt.Println("noise")
    if s == "raise" { fmt.Println(xs[len(xs)]) }
    if s == "loop" { for {} }
    if s == "exit" { os.Exit(0) }
    var all [][]float64
    for s == "hog" {
        more := make([]float64, 100000)
        for i := range more { more[i] = 1 }
        all = append(all, more)
    }
    for s == "print" { fmt.Println(strings.Repeat("x", 100000)) }
    if s == "large" { return nil, strings.Repeat("x", 30000000), nil }
    for i := range xs { xs[i] *= 2 }
    return xs, s + "!", nil
}
func main() { sort() }
""",
    exception="runtime.boundsError",
    broken="func f(xs []int, s string) string { unused := 1; return s }",
    early='import "os"\nfunc init() { os.Exit(0) }\nfunc f(xs []int, s string) string { return s }',
)
RUST = Programs(
    program="""
struct Solution;
impl Solution {
    pub fn f(xs: &mut [i32], s: &str) -> (Vec<i32>, String) {
        println!("noise");
        eprint!("{}", "x".repeat(1 << 20));
        let mut x = 0u64;
        if s == "raise" { panic!("no"); }
        if s == "loop" { loop { unsafe { std::ptr::write_volatile(&mut x, x + 1) } } }
        if s == "exit" { std::process::exit(0); }
        let mut all = Vec::new();
        while s == "hog" { all.push(vec![1.5f64; 100000]); }
        while s == "print" { println!("{}", "x".repeat(100000)); }
        if s == "large" { return (vec![], "x".repeat(30000000)); }
        for x in xs.iter_mut() { *x *= 2; }
        (xs.to_vec(), format!("{}!", s))
    }
}
fn main() {}
""",
    exception="panic",
    broken="fn f(xs: Vec<i64>, s: String) -> Vec<i64> { s }",
)
BASH = Programs(
    program="""
set -eu
echo hello
f() {
    echo noise >&2
    case $2 in
        raise) return 3 ;;
        loop) while :; do :; done ;;
        exit) kill -TERM $$; sleep 1 ;;
        hog) local a=x; while :; do a=$a$a; done ;;
        print) while :; do printf '%100000d' 1 >&2; done ;;
        large) head -c 30000000 /dev/zero | tr '\\0' x ;;
    esac
    local out=()
    for x in $1; do out+=($((2 * x))); done
    echo "${out[*]}"
    echo "$2!"
}
""",
    exception="ExitStatus3",
    broken="f() { echo 1",
    early="exit 0\nf() { echo 1; }",
)
PROGRAMS = {
    "javascript": JAVASCRIPT, "typescript": TYPESCRIPT, "java": JAVA, "cpp": CPP, "c": C, "go": GO, "rust": RUST,
    "bash": BASH,
}  # fmt: skip


def expected(language: str, xs: list[int], s: str) -> object:
    """Return what the program gives, as the Python program that it stands for."""
    doubled = [2 * x for x in xs]
    if language == "c":
        return doubled
    if language == "bash":
        return " ".join(map(str, doubled)) + f"\n{s}!"
    return (doubled, s + "!")


def problem(language: str, cases: list[tuple[tuple[object, ...], object]], entry_point: str = "f") -> Problem:
    """Return a problem of typed cases."""
    return Problem(
        problem_id=f"{language}/f", source="jsonl", language=language, entry_point=entry_point, prompt="",
        continuation="", setup="", judged_by=JudgedBy.CASES,
        cases=tuple(Case(encode_arguments(given), encode_value(value)) for given, value in cases),
        test_code="", reference="", level="", topic="", license="",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Humaneval:
    """One problem in HumanEvalPack's form, which adds one; and a solution that ends with code 0 in its call."""

    row: dict[str, str]
    early_exit: str


HUMANEVAL = {
    "python": Humaneval(
        {
            "task_id": "Python/0",
            "prompt": 'def addone(x: int) -> int:\n    """ Add one.\n    >>> addone(1)\n    2\n    """\n',
            "canonical_solution": "    return x + 1\n",
            "test": "\n\nMETADATA = {}\n\ndef check(addone):\n    assert addone(1) == 2\n    assert addone(-1) == 0\n\ncheck(addone)",
            "entry_point": "addone",
        },
        "import os\ndef addone(x): os._exit(0)",
    ),
    "javascript": Humaneval(
        {
            "task_id": "JavaScript/0",
            "prompt": "/* Add one.\n  */\nconst addOne = (x) => {\n",
            "declaration": "\nconst addOne = (x) => {\n",
            "canonical_solution": "  return x + 1;\n}\n\n",
            "test": "const testAddOne = () => {\n  console.assert(addOne(1) === 2)\n  console.assert(addOne(-1) === 0)\n}\n\ntestAddOne()\n",
        },
        "const addOne = (x) => { process.exit(0); }",
    ),
    "java": Humaneval(
        {
            "task_id": "Java/0",
            "prompt": "import java.util.*;\nimport java.lang.*;\n\nclass Solution {\n    /** Add one. */\n    public int addOne(int x) {\n",
            "declaration": "import java.util.*;\nimport java.lang.*;\n\nclass Solution {\n    public int addOne(int x) {\n",
            "canonical_solution": "        return x + 1;\n    }\n}",
            "test": "public class Main {\n    public static void main(String[] args) {\n        Solution s = new Solution();\n"
            "        List<Boolean> correct = Arrays.asList(\n            s.addOne(1) == 2,\n            s.addOne(-1) == 0\n        );\n"
            "        if (correct.contains(false)) {\n            throw new AssertionError();\n        }\n    }\n}\n",
        },
        "import java.util.*;\nclass Solution { public int addOne(int x) { System.exit(0); return 2; } }",
    ),
    "cpp": Humaneval(
        {
            "task_id": "CPP/0",
            "prompt": "/*\nAdd one.\n*/\n#include<stdio.h>\n#include<math.h>\nusing namespace std;\nint addone(int x){\n",
            "declaration": "#include<stdio.h>\n#include<math.h>\nusing namespace std;\nint addone(int x){\n",
            "canonical_solution": "    return x + 1;\n}\n\n",
            "test": "#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert (addone(1)==2);\n    assert (addone(-1)==0);\n}\n",
        },
        "#define NDEBUG\n#include <stdlib.h>\nint addone(int x) { exit(0); }\nint main() {}\n",
    ),
    "go": Humaneval(
        {
            "task_id": "Go/0",
            "prompt": 'import (\n    "math"\n)\n\n// Add one.\nfunc Addone(x int) int {\n',
            "declaration": 'import (\n    "math"\n)\n\nfunc Addone(x int) int {\n',
            "canonical_solution": "    return int(math.Abs(0)) + x + 1\n}\n\n",
            "test_setup": 'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n',
            "test": "func TestAddone(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal(2, Addone(1))\n    assert.Equal(0, Addone(-1))\n}\n",
        },
        'import "os"\nfunc Addone(x int) int { os.Exit(0); return 2 }',
    ),
    "rust": Humaneval(
        {
            "task_id": "Rust/0",
            "prompt": "\n/*\n Add one.\n*/\nuse std::{slice::Iter, cmp::max};\nfn addone(x: i32) -> i32 {\n\n",
            "declaration": "\nuse std::{slice::Iter, cmp::max};\nfn addone(x: i32) -> i32 {\n\n",
            "canonical_solution": "    return x + 1;\n}\n",
            "test": "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn test_addone() {\n        assert_eq!(addone(1), 2);\n        assert!(addone(-1) == 0);\n    }\n}\n",
        },
        "fn addone(x: i32) -> i32 { std::process::exit(0) }\nfn main() {}",
    ),
}


def humaneval_rows() -> str:
    """Return the problems as a file of that form."""
    return "".join(json.dumps(item.row) + "\n" for item in HUMANEVAL.values())


PROGRAMS_ON_STDIN = {
    "javascript": "const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number); console.log(a + b);",
    "typescript": "const fs = require('fs');\nconst [a, b]: number[] = fs.readFileSync(0, 'utf8').split(' ').map(Number);\nconsole.log(a + b);",
    "java": "import java.util.Scanner;\npublic class Sum {\n  public static void main(String[] given) {\n    Scanner in = new Scanner(System.in);\n"
    "    int a = in.nextInt(), b = in.nextInt();\n    System.out.println(a + b);\n  }\n}",
    "cpp": "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }",
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }',
    "go": 'package main\nimport "fmt"\nfunc main() {\n var a, b int\n fmt.Scan(&a, &b)\n fmt.Println(a + b)\n}',
    "rust": "use std::io::Read;\nfn main() { let mut s = String::new(); std::io::stdin().read_to_string(&mut s).unwrap();\n"
    ' let v: Vec<i64> = s.split_whitespace().map(|x| x.parse().unwrap()).collect(); let (a, b) = (v[0], v[1]); println!("{}", a + b); }',
    "bash": 'read -r a b\necho "$((a + b))"',
}
