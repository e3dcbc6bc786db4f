package pairsmith

import (
	"io"
	"reflect"
	"regexp"
	"testing"
	"time"
)

// Deps is what `go test` gives to package testing, whose methods differ by version.
type Deps struct{}

type corpusEntry = struct {
	Parent     string
	Path       string
	Data       []byte
	Values     []interface{}
	Generation int
	IsSeed     bool
}

func (Deps) ImportPath() string                                              { return "" }
func (Deps) ModulePath() string                                              { return "" }
func (Deps) MatchString(pattern, text string) (bool, error)                  { return regexp.MatchString(pattern, text) }
func (Deps) SetPanicOnExit0(bool)                                            {}
func (Deps) StartCPUProfile(io.Writer) error                                 { return nil }
func (Deps) StopCPUProfile()                                                 {}
func (Deps) WriteProfileTo(string, io.Writer, int) error                     { return nil }
func (Deps) StartTestLog(io.Writer)                                          {}
func (Deps) StopTestLog() error                                              { return nil }
func (Deps) RunFuzzWorker(func(corpusEntry) error) error                     { return nil }
func (Deps) ReadCorpus(string, []reflect.Type) ([]corpusEntry, error)        { return nil, nil }
func (Deps) CheckCorpus([]interface{}, []reflect.Type) error                 { return nil }
func (Deps) ResetCoverage()                                                  {}
func (Deps) SnapshotCoverage()                                               {}
func (Deps) InitRuntimeCoverage() (m string, t func(string, string) (string, error), s func() float64) { return }
func (Deps) CoordinateFuzzing(time.Duration, int64, time.Duration, int64, int, []corpusEntry, []reflect.Type, string, string) error {
	return nil
}

type ended struct{ status int }

// Exit ends TestMain as os.Exit does, where only this package may exit with 0.
func Exit(status int) { panic(ended{status}) }

// Run runs tests, and panics where they fail.
func Run(tests *testing.M, main func(*testing.M)) {
	if status := statusOf(tests, main); status != 0 {
		panic("AssertionError")
	}
}

func statusOf(tests *testing.M, main func(*testing.M)) (status int) {
	if main == nil {
		return tests.Run()
	}
	defer func() {
		caught := recover()
		if by, ok := caught.(ended); ok {
			status = by.status
		} else if caught != nil {
			panic(caught)
		}
	}()
	main(tests)
	return int(reflect.ValueOf(tests).Elem().FieldByName("exitCode").Int())
}
