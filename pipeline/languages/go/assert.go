// Package assert stands for github.com/stretchr/testify/assert: those of its functions that benchmarks' tests call.
package assert

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
)

// T is what a test gives.
type T interface {
	Errorf(format string, arguments ...interface{})
}

// Assertions carries a test's T.
type Assertions struct{ t T }

// New returns assertions that report to t.
func New(t T) *Assertions { return &Assertions{t} }

func equal(expected, actual interface{}) bool {
	a, isBytes := expected.([]byte)
	b, areBytes := actual.([]byte)
	if isBytes && areBytes {
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(expected, actual)
}

func isNil(value interface{}) bool {
	if value == nil {
		return true
	}
	kind := reflect.ValueOf(value).Kind()
	return kind >= reflect.Chan && kind <= reflect.Slice && kind != reflect.String && reflect.ValueOf(value).IsNil()
}

func report(t T, holds bool, what string, values ...interface{}) bool {
	if !holds {
		t.Errorf("%s: %s", what, fmt.Sprint(values...))
	}
	return holds
}

// Equal asks for deep equality, types included.
func Equal(t T, expected, actual interface{}, _ ...interface{}) bool {
	return report(t, equal(expected, actual), "not equal", expected, actual)
}

// NotEqual asks for the contrary of Equal.
func NotEqual(t T, expected, actual interface{}, _ ...interface{}) bool {
	return report(t, !equal(expected, actual), "equal", expected, actual)
}

// True asks for true.
func True(t T, value bool, _ ...interface{}) bool { return report(t, value, "not true") }

// False asks for false.
func False(t T, value bool, _ ...interface{}) bool { return report(t, !value, "not false") }

// Nil asks for nil.
func Nil(t T, value interface{}, _ ...interface{}) bool { return report(t, isNil(value), "not nil", value) }

// NotNil asks for anything but nil.
func NotNil(t T, value interface{}, _ ...interface{}) bool { return report(t, !isNil(value), "nil") }

// InDelta asks for two numbers that differ by no more than delta.
func InDelta(t T, expected, actual interface{}, delta float64, _ ...interface{}) bool {
	a, b := number(expected), number(actual)
	return report(t, math.Abs(a-b) <= delta, "too far apart", expected, actual)
}

func number(value interface{}) float64 {
	known := reflect.ValueOf(value)
	if !known.IsValid() || !known.CanConvert(reflect.TypeOf(0.0)) {
		return math.NaN()
	}
	return known.Convert(reflect.TypeOf(0.0)).Float()
}

// ElementsMatch asks for the same items in any order.
func ElementsMatch(t T, expected, actual interface{}, _ ...interface{}) bool {
	a, b := reflect.ValueOf(expected), reflect.ValueOf(actual)
	if a.Len() != b.Len() {
		return report(t, false, "other lengths", expected, actual)
	}
	used := make([]bool, b.Len())
next:
	for i := 0; i < a.Len(); i++ {
		for j := 0; j < b.Len(); j++ {
			if !used[j] && equal(a.Index(i).Interface(), b.Index(j).Interface()) {
				used[j] = true
				continue next
			}
		}
		return report(t, false, "other items", expected, actual)
	}
	return true
}

// Methods of Assertions, as the functions above.
func (a *Assertions) Equal(expected, actual interface{}, _ ...interface{}) bool {
	return Equal(a.t, expected, actual)
}
func (a *Assertions) NotEqual(expected, actual interface{}, _ ...interface{}) bool {
	return NotEqual(a.t, expected, actual)
}
func (a *Assertions) True(value bool, _ ...interface{}) bool         { return True(a.t, value) }
func (a *Assertions) False(value bool, _ ...interface{}) bool        { return False(a.t, value) }
func (a *Assertions) Nil(value interface{}, _ ...interface{}) bool    { return Nil(a.t, value) }
func (a *Assertions) NotNil(value interface{}, _ ...interface{}) bool { return NotNil(a.t, value) }
func (a *Assertions) InDelta(expected, actual interface{}, delta float64, _ ...interface{}) bool {
	return InDelta(a.t, expected, actual, delta)
}
func (a *Assertions) ElementsMatch(expected, actual interface{}, _ ...interface{}) bool {
	return ElementsMatch(a.t, expected, actual)
}
