// Package pairsmith stands for testing, whose tests only its own main program can run: what tests call of it.
package pairsmith

import (
	"fmt"
	"os"
	"runtime"
	real "testing"
)

// TB is what helpers of tests take.
type TB interface {
	Cleanup(func())
	Error(...interface{})
	Errorf(string, ...interface{})
	Fail()
	FailNow()
	Failed() bool
	Fatal(...interface{})
	Fatalf(string, ...interface{})
	Helper()
	Log(...interface{})
	Logf(string, ...interface{})
	Name() string
	Setenv(string, string)
	Skip(...interface{})
	SkipNow()
	Skipf(string, ...interface{})
	Skipped() bool
	TempDir() string
}

// T is one test. Parallel ones run one after the other.
type T struct {
	name            string
	failed, skipped bool
	cleanups        []func()
}

// B and F are benchmarks and fuzz tests, which do not run.
type B struct {
	T
	N int
}

type F struct{ T }

func (t *T) Cleanup(f func())                             { t.cleanups = append(t.cleanups, f) }
func (t *T) Error(arguments ...interface{})               { t.Log(arguments...); t.Fail() }
func (t *T) Errorf(text string, arguments ...interface{}) { t.Logf(text, arguments...); t.Fail() }
func (t *T) Fail()                                        { t.failed = true }
func (t *T) FailNow()                                     { t.Fail(); runtime.Goexit() }
func (t *T) Failed() bool                                 { return t.failed }
func (t *T) Fatal(arguments ...interface{})               { t.Log(arguments...); t.FailNow() }
func (t *T) Fatalf(text string, arguments ...interface{}) { t.Logf(text, arguments...); t.FailNow() }
func (t *T) Helper()                                      {}
func (t *T) Log(arguments ...interface{})                 { fmt.Fprintln(os.Stderr, arguments...) }
func (t *T) Logf(text string, arguments ...interface{})   { fmt.Fprintf(os.Stderr, text+"\n", arguments...) }
func (t *T) Name() string                                 { return t.name }
func (t *T) Parallel()                                    {}
func (t *T) Skip(arguments ...interface{})                { t.Log(arguments...); t.SkipNow() }
func (t *T) SkipNow()                                     { t.skipped = true; runtime.Goexit() }
func (t *T) Skipf(text string, arguments ...interface{})  { t.Logf(text, arguments...); t.SkipNow() }
func (t *T) Skipped() bool                                { return t.skipped }

// Setenv sets a variable until the test ends.
func (t *T) Setenv(name, value string) {
	before, known := os.LookupEnv(name)
	os.Setenv(name, value)
	t.Cleanup(func() {
		if os.Unsetenv(name); known {
			os.Setenv(name, before)
		}
	})
}

// TempDir returns a new folder.
func (t *T) TempDir() string {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// Run runs a test within this one.
func (t *T) Run(name string, test func(*T)) bool {
	inner := &T{name: t.name + "/" + name}
	inner.run(test)
	t.failed = t.failed || inner.failed
	return !inner.failed
}

func (t *T) run(test func(*T)) {
	ended := make(chan interface{}, 1)
	go func() { // FailNow ends its goroutine
		defer func() { ended <- recover() }()
		defer func() {
			for i := len(t.cleanups) - 1; i >= 0; i-- {
				t.cleanups[i]()
			}
		}()
		test(t)
	}()
	if caught := <-ended; caught != nil {
		panic(caught)
	}
}

func (b *B) ResetTimer()          {}
func (b *B) StartTimer()          {}
func (b *B) StopTimer()           {}
func (b *B) ReportAllocs()        {}
func (f *F) Add(...interface{})   {}
func (f *F) Fuzz(run interface{}) {}

// Short and Verbose say how the tests were called.
func Short() bool   { return false }
func Verbose() bool { return false }

// AllocsPerRun is testing's own.
func AllocsPerRun(n int, f func()) float64 { return real.AllocsPerRun(n, f) }

// Test runs a test, and panics where it fails.
func Test(test func(*T)) {
	t := &T{}
	t.run(test)
	if t.failed {
		panic("AssertionError")
	}
}
