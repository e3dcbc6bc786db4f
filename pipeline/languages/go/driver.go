package pairsmith

// Reads arguments and writes values for a Go solution; speaks the lines of `pipeline.sandbox.inside.foreign`.

// A package of its own: a solution may give names such as `copy` or `len` a meaning of their own.
import (
	psbufio "bufio"
	psjson "encoding/json"
	psfmt "fmt"
	psmath "math"
	psbig "math/big"
	psos "os"
	psreflect "reflect"
	pssort "sort"
	psstrconv "strconv"
	psstrings "strings"
	psutf8 "unicode/utf8"
)

type pairsmithArgumentError struct{ text string }
type pairsmithTooLarge struct{}

var (
	pairsmithBigInt = psreflect.TypeOf(&psbig.Int{})
	pairsmithError  = psreflect.TypeOf((*error)(nil)).Elem()
	pairsmithAny    = psreflect.TypeOf((*interface{})(nil)).Elem()
)

func pairsmithRefuse(text string) { panic(pairsmithArgumentError{text}) }

// --- from JSON

func pairsmithTag(tree interface{}, names ...string) (interface{}, bool) {
	object, ok := tree.(map[string]interface{})
	if !ok || len(object) != 1 {
		return nil, false
	}
	for _, name := range names {
		if body, ok := object[name]; ok {
			return body, true
		}
	}
	return nil, false
}

func pairsmithParts(tree interface{}) []interface{} {
	if list, ok := tree.([]interface{}); ok {
		return list
	}
	if body, ok := pairsmithTag(tree, "tuple", "set", "frozenset"); ok {
		return body.([]interface{})
	}
	pairsmithRefuse("no list")
	return nil
}

func pairsmithInt(tree interface{}) *psbig.Int {
	made := new(psbig.Int)
	if body, ok := pairsmithTag(tree, "int"); ok {
		made.SetString(psstrings.Replace(body.(string), "0x", "", 1), 16)
		return made
	}
	switch value := tree.(type) {
	case bool:
		if value {
			made.SetInt64(1)
		}
		return made
	case psjson.Number:
		if _, ok := made.SetString(string(value), 10); ok {
			return made
		}
	}
	pairsmithRefuse("no integer")
	return nil
}

func pairsmithFloat(tree interface{}) float64 {
	if body, ok := pairsmithTag(tree, "float"); ok {
		value, _ := psstrconv.ParseFloat(body.(string), 64)
		return value
	}
	if _, ok := pairsmithTag(tree, "int"); ok {
		value, _ := new(psbig.Float).SetInt(pairsmithInt(tree)).Float64()
		return value
	}
	number, ok := tree.(psjson.Number)
	if !ok {
		pairsmithRefuse("no number")
	}
	value, _ := psstrconv.ParseFloat(string(number), 64)
	return value
}

func pairsmithRead(tree interface{}, kind psreflect.Type) psreflect.Value {
	made := psreflect.New(kind).Elem()
	if kind == pairsmithBigInt {
		return psreflect.ValueOf(pairsmithInt(tree))
	}
	switch kind.Kind() {
	case psreflect.Bool:
		value, ok := tree.(bool)
		if !ok {
			pairsmithRefuse("no bool")
		}
		made.SetBool(value)
	case psreflect.Int, psreflect.Int8, psreflect.Int16, psreflect.Int32, psreflect.Int64:
		if text, ok := tree.(string); ok && kind.Kind() == psreflect.Int32 && psutf8.RuneCountInString(text) == 1 {
			letter, _ := psutf8.DecodeRuneInString(text)
			made.SetInt(int64(letter))
			break
		}
		value := pairsmithInt(tree)
		if !value.IsInt64() || made.OverflowInt(value.Int64()) {
			pairsmithRefuse("out of range")
		}
		made.SetInt(value.Int64())
	case psreflect.Uint, psreflect.Uint8, psreflect.Uint16, psreflect.Uint32, psreflect.Uint64:
		if text, ok := tree.(string); ok && kind.Kind() == psreflect.Uint8 && len(text) == 1 {
			made.SetUint(uint64(text[0]))
			break
		}
		value := pairsmithInt(tree)
		if !value.IsUint64() || made.OverflowUint(value.Uint64()) {
			pairsmithRefuse("out of range")
		}
		made.SetUint(value.Uint64())
	case psreflect.Float32, psreflect.Float64:
		made.SetFloat(pairsmithFloat(tree))
	case psreflect.Complex64, psreflect.Complex128:
		if body, ok := pairsmithTag(tree, "complex"); ok {
			parts := body.([]interface{})
			made.SetComplex(complex(pairsmithFloat(parts[0]), pairsmithFloat(parts[1])))
		} else {
			made.SetComplex(complex(pairsmithFloat(tree), 0))
		}
	case psreflect.String:
		value, ok := tree.(string)
		if !ok {
			pairsmithRefuse("no string")
		}
		made.SetString(value)
	case psreflect.Slice:
		if tree == nil {
			break
		}
		if body, ok := pairsmithTag(tree, "bytes"); ok && kind.Elem().Kind() == psreflect.Uint8 {
			var data []byte
			psfmt.Sscanf(body.(string), "%x", &data)
			made.SetBytes(data)
			break
		}
		parts := pairsmithParts(tree)
		made.Set(psreflect.MakeSlice(kind, len(parts), len(parts)))
		for i, part := range parts {
			made.Index(i).Set(pairsmithRead(part, kind.Elem()))
		}
	case psreflect.Array:
		parts := pairsmithParts(tree)
		if len(parts) != kind.Len() {
			pairsmithRefuse("another length")
		}
		for i, part := range parts {
			made.Index(i).Set(pairsmithRead(part, kind.Elem()))
		}
	case psreflect.Map:
		pairsmithReadMap(tree, made)
	case psreflect.Ptr:
		if tree != nil {
			made.Set(psreflect.New(kind.Elem()))
			made.Elem().Set(pairsmithRead(tree, kind.Elem()))
		}
	case psreflect.Struct:
		parts := pairsmithParts(tree)
		if len(parts) != kind.NumField() {
			pairsmithRefuse("another number of fields")
		}
		for i, part := range parts {
			pairsmithOpen(made.Field(i)).Set(pairsmithRead(part, kind.Field(i).Type))
		}
	case psreflect.Interface:
		if value := pairsmithGuess(tree); value != nil {
			made.Set(psreflect.ValueOf(value))
		}
	default:
		pairsmithRefuse("no value can be a " + kind.String())
	}
	return made
}

func pairsmithReadMap(tree interface{}, made psreflect.Value) {
	kind := made.Type()
	made.Set(psreflect.MakeMap(kind))
	if body, ok := pairsmithTag(tree, "set", "frozenset"); ok {
		present := psreflect.New(kind.Elem()).Elem()
		if present.Kind() == psreflect.Bool {
			present.SetBool(true)
		}
		for _, part := range body.([]interface{}) {
			made.SetMapIndex(pairsmithRead(part, kind.Key()), present)
		}
		return
	}
	body, ok := pairsmithTag(tree, "dict")
	if !ok {
		pairsmithRefuse("no map")
	}
	for _, pair := range body.([]interface{}) {
		both := pair.([]interface{})
		made.SetMapIndex(pairsmithRead(both[0], kind.Key()), pairsmithRead(both[1], kind.Elem()))
	}
}

// What an `interface{}` gets: int, *psbig.Int, float64, bool, string, []interface{}, map[interface{}]interface{}.
func pairsmithGuess(tree interface{}) interface{} {
	switch value := tree.(type) {
	case nil, bool, string:
		return value
	case psjson.Number:
		if psstrings.ContainsAny(string(value), ".eE") {
			return pairsmithFloat(value)
		}
		return int(pairsmithInt(value).Int64())
	}
	if _, ok := pairsmithTag(tree, "int"); ok {
		if value := pairsmithInt(tree); !value.IsInt64() {
			return value
		} else {
			return int(value.Int64())
		}
	}
	if _, ok := pairsmithTag(tree, "float"); ok {
		return pairsmithFloat(tree)
	}
	if _, ok := pairsmithTag(tree, "dict"); ok {
		return pairsmithRead(tree, psreflect.MapOf(pairsmithAny, pairsmithAny)).Interface()
	}
	return pairsmithRead(tree, psreflect.SliceOf(pairsmithAny)).Interface()
}

// --- to JSON

type pairsmithOut struct {
	text  psstrings.Builder
	depth int
	left  int
}

func (out *pairsmithOut) str(text string) {
	out.text.WriteByte('"')
	for _, letter := range text {
		switch {
		case letter == '"' || letter == '\\':
			out.text.WriteByte('\\')
			out.text.WriteRune(letter)
		case letter >= 0x20 && letter < 0x7f:
			out.text.WriteRune(letter)
		case letter >= 0x10000:
			psfmt.Fprintf(&out.text, "\\u%04x\\u%04x", 0xd800+(letter-0x10000)>>10, 0xdc00+(letter-0x10000)&0x3ff)
		default:
			psfmt.Fprintf(&out.text, "\\u%04x", letter)
		}
	}
	out.text.WriteByte('"')
}

func (out *pairsmithOut) float(value float64, bits int) {
	switch {
	case psmath.IsNaN(value):
		out.text.WriteString(`{"float":"nan"}`)
	case psmath.IsInf(value, 1):
		out.text.WriteString(`{"float":"inf"}`)
	case psmath.IsInf(value, -1):
		out.text.WriteString(`{"float":"-inf"}`)
	default:
		digits := psstrconv.FormatFloat(value, 'g', -1, bits)
		if !psstrings.ContainsAny(digits, ".e") {
			digits += ".0"
		}
		out.text.WriteString(digits)
	}
}

func (out *pairsmithOut) int(value *psbig.Int) {
	if value.IsInt64() && value.Int64() >= -(1<<53) && value.Int64() <= 1<<53 {
		out.text.WriteString(value.String())
		return
	}
	if value.BitLen() > 1<<22 {
		panic(pairsmithTooLarge{})
	}
	psfmt.Fprintf(&out.text, `{"int":"%#x"}`, value)
}

func pairsmithOpen(field psreflect.Value) psreflect.Value {
	if field.CanInterface() || !field.CanAddr() {
		return field
	}
	return psreflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}

func (out *pairsmithOut) each(n int, part func(int)) {
	out.text.WriteByte('[')
	for i := 0; i < n; i++ {
		if i > 0 {
			out.text.WriteByte(',')
		}
		part(i)
	}
	out.text.WriteByte(']')
}

func (out *pairsmithOut) write(value psreflect.Value) {
	out.left--
	out.depth++
	if out.left < 0 || out.depth > 100 {
		panic(pairsmithTooLarge{})
	}
	defer func() { out.depth-- }()
	if !value.IsValid() {
		out.text.WriteString("null")
		return
	}
	if value.Type() == pairsmithBigInt && !value.IsNil() {
		out.int(value.Interface().(*psbig.Int))
		return
	}
	switch value.Kind() {
	case psreflect.Bool:
		out.text.WriteString(psstrconv.FormatBool(value.Bool()))
	case psreflect.Int, psreflect.Int8, psreflect.Int16, psreflect.Int32, psreflect.Int64:
		out.int(psbig.NewInt(value.Int()))
	case psreflect.Uint, psreflect.Uint8, psreflect.Uint16, psreflect.Uint32, psreflect.Uint64:
		out.int(new(psbig.Int).SetUint64(value.Uint()))
	case psreflect.Float32:
		out.float(value.Float(), 32)
	case psreflect.Float64:
		out.float(value.Float(), 64)
	case psreflect.Complex64, psreflect.Complex128:
		out.text.WriteString(`{"complex":[`)
		out.float(real(value.Complex()), 64)
		out.text.WriteByte(',')
		out.float(imag(value.Complex()), 64)
		out.text.WriteString(`]}`)
	case psreflect.String:
		out.str(value.String())
	case psreflect.Slice, psreflect.Array:
		out.each(value.Len(), func(i int) { out.write(value.Index(i)) })
	case psreflect.Map:
		keys := value.MapKeys()
		pssort.Slice(keys, func(i, j int) bool { return psfmt.Sprint(keys[i]) < psfmt.Sprint(keys[j]) })
		if value.Type().Elem().Kind() == psreflect.Struct && value.Type().Elem().NumField() == 0 {
			out.text.WriteString(`{"set":`)
			out.each(len(keys), func(i int) { out.write(keys[i]) })
		} else {
			out.text.WriteString(`{"dict":`)
			out.each(len(keys), func(i int) {
				out.each(2, func(j int) {
					if j == 0 {
						out.write(keys[i])
					} else {
						out.write(value.MapIndex(keys[i]))
					}
				})
			})
		}
		out.text.WriteByte('}')
	case psreflect.Ptr, psreflect.Interface:
		out.write(value.Elem())
	case psreflect.Struct:
		copied := psreflect.New(value.Type()).Elem()
		copied.Set(value)
		psfmt.Fprintf(&out.text, `{"record":["%s",`, value.Type().Name())
		out.each(copied.NumField(), func(i int) {
			out.text.WriteByte('[')
			out.str(copied.Type().Field(i).Name)
			out.text.WriteByte(',')
			out.write(pairsmithOpen(copied.Field(i)))
			out.text.WriteByte(']')
		})
		out.text.WriteString("]}")
	default:
		out.text.WriteString(`{"opaque":"`)
		out.text.WriteString(value.Kind().String())
		out.text.WriteString(`"}`)
	}
}

// --- calling

func pairsmithName(caught interface{}) string {
	switch caught := caught.(type) {
	case pairsmithArgumentError:
		return "ArgumentError"
	case string:
		return "panic"
	case error:
		return psstrings.TrimPrefix(psfmt.Sprintf("%T", caught), "*")
	}
	return "panic"
}

func pairsmithCall(function psreflect.Value, text string) (answer string) {
	defer func() {
		if caught := recover(); caught != nil {
			if _, ok := caught.(pairsmithTooLarge); ok {
				answer = "T"
			} else {
				answer = "R" + pairsmithName(caught)
			}
		}
	}()
	var tree interface{}
	decoder := psjson.NewDecoder(psstrings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&tree) != nil {
		pairsmithRefuse("no JSON")
	}
	given, kind := pairsmithParts(tree), function.Type()
	n := kind.NumIn()
	if kind.IsVariadic() && len(given) >= n-1 || len(given) == n {
		arguments := make([]psreflect.Value, len(given))
		for i, part := range given {
			if kind.IsVariadic() && i >= n-1 {
				arguments[i] = pairsmithRead(part, kind.In(n-1).Elem())
			} else {
				arguments[i] = pairsmithRead(part, kind.In(i))
			}
		}
		return pairsmithResult(function.Call(arguments))
	}
	pairsmithRefuse("another number of arguments")
	return ""
}

// The values of a call: none is null, several are a tuple, and a last one of type error is the call's exception.
func pairsmithResult(values []psreflect.Value) string {
	if n := len(values); n > 0 && values[n-1].Type() == pairsmithError {
		if !values[n-1].IsNil() {
			return "R" + pairsmithName(values[n-1].Interface())
		}
		values = values[:n-1]
	}
	out := &pairsmithOut{left: 1000000}
	switch len(values) {
	case 0:
		out.text.WriteString("null")
	case 1:
		out.write(values[0])
	default:
		out.text.WriteString(`{"tuple":`)
		out.each(len(values), func(i int) { out.write(values[i]) })
		out.text.WriteByte('}')
	}
	return "V" + out.text.String()
}

// Serve calls a function until the requests end.
func Serve(entry interface{}) {
	requests, answers := psbufio.NewReader(psos.NewFile(3, "requests")), psos.NewFile(4, "answers")
	function := psreflect.ValueOf(entry)
	for first := true; ; first = false {
		line, problem := requests.ReadString('\n')
		if problem != nil {
			psos.Exit(0)
		}
		nonce, text, _ := psstrings.Cut(psstrings.TrimSuffix(line, "\n"), " ")
		answer := "L"
		if !first {
			answer = pairsmithCall(function, text)
		}
		if _, problem = answers.WriteString(nonce + " " + answer + "\n"); problem != nil {
			psos.Exit(1)
		}
	}
}
