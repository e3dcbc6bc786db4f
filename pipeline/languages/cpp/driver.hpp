// Reads arguments and writes values for a C++ solution; speaks the lines of `pipeline.sandbox.inside.foreign`.
#pragma once
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <deque>
#include <exception>
#include <forward_list>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <queue>
#include <set>
#include <stack>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unistd.h>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace pairsmith {

struct ArgumentError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// One JSON value: the text of a number, the bytes of a string, or the parts.
struct Json {
    enum Kind { Null, True, False, Number, String, List, Object } kind = Null;
    std::string text;
    std::vector<Json> items;          // of a list; of an object: its values
    std::vector<std::string> keys;    // of an object

    const Json* tag(const char* name) const {
        return kind == Object && keys.size() == 1 && keys[0] == name ? &items[0] : nullptr;
    }
};

class Parser {
public:
    explicit Parser(const std::string& text) : at_(text.data()), end_(text.data() + text.size()) {}

    Json parse() {
        skip();
        if (at_ == end_) throw ArgumentError("empty");
        switch (*at_) {
            case 'n': at_ += 4; return {};
            case 't': at_ += 4; return make(Json::True);
            case 'f': at_ += 5; return make(Json::False);
            case '"': { Json made = make(Json::String); made.text = string(); return made; }
            case '[': return list();
            case '{': return object();
            default: return number();
        }
    }

private:
    const char *at_, *end_;

    static Json make(Json::Kind kind) { Json made; made.kind = kind; return made; }
    void skip() { while (at_ < end_ && (*at_ == ' ' || *at_ == '\n')) ++at_; }

    Json number() {
        Json made = make(Json::Number);
        while (at_ < end_ && std::strchr("+-.eE0123456789", *at_)) made.text += *at_++;
        if (made.text.empty()) throw ArgumentError("no JSON");
        return made;
    }

    Json list() {
        Json made = make(Json::List);
        ++at_; skip();
        while (*at_ != ']') {
            made.items.push_back(parse());
            skip();
            if (*at_ == ',') ++at_;
            skip();
        }
        ++at_;
        return made;
    }

    Json object() {
        Json made = make(Json::Object);
        ++at_; skip();
        while (*at_ != '}') {
            made.keys.push_back(string());
            skip(); ++at_;
            made.items.push_back(parse());
            skip();
            if (*at_ == ',') ++at_;
            skip();
        }
        ++at_;
        return made;
    }

    unsigned hex4() {
        unsigned code = 0;
        for (int i = 0; i < 4; ++i) {
            char c = *at_++;
            code = code * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        }
        return code;
    }

    std::string string() {
        std::string out;
        ++at_;
        while (*at_ != '"') {
            if (*at_ != '\\') { out += *at_++; continue; }
            char c = at_[1];
            at_ += 2;
            switch (c) {
                case 'n': out += '\n'; break;
                case 't': out += '\t'; break;
                case 'r': out += '\r'; break;
                case 'b': out += '\b'; break;
                case 'f': out += '\f'; break;
                case 'u': {
                    std::uint32_t code = hex4();
                    if (code >= 0xD800 && code < 0xDC00 && at_[0] == '\\' && at_[1] == 'u') {
                        at_ += 2;
                        code = 0x10000 + ((code - 0xD800) << 10) + (hex4() - 0xDC00);
                    }
                    utf8(out, code);
                    break;
                }
                default: out += c;
            }
        }
        ++at_;
        return out;
    }

public:
    static void utf8(std::string& out, std::uint32_t code) {
        if (code < 0x80) { out += char(code); }
        else if (code < 0x800) { out += char(0xC0 | code >> 6); out += char(0x80 | (code & 63)); }
        else if (code < 0x10000) {
            out += char(0xE0 | code >> 12); out += char(0x80 | (code >> 6 & 63)); out += char(0x80 | (code & 63));
        } else {
            out += char(0xF0 | code >> 18); out += char(0x80 | (code >> 12 & 63));
            out += char(0x80 | (code >> 6 & 63)); out += char(0x80 | (code & 63));
        }
    }
};

// --- from JSON -------------------------------------------------------------------------------------------------

template <class T, class = void> struct Read;  // no definition: a type that no value can become
template <class T> T read(const Json& json) { return Read<T>::from(json); }

inline const std::vector<Json>& parts(const Json& json) {
    if (json.kind == Json::List) return json.items;
    for (const char* name : {"tuple", "set", "frozenset"}) {
        if (const Json* body = json.tag(name)) return body->items;
    }
    throw ArgumentError("no list");
}

template <> struct Read<bool> {
    static bool from(const Json& json) {
        if (json.kind != Json::True && json.kind != Json::False) throw ArgumentError("no bool");
        return json.kind == Json::True;
    }
};

template <> struct Read<char> {
    static char from(const Json& json) {
        if (json.kind != Json::String || json.text.size() != 1) throw ArgumentError("no char");
        return json.text[0];
    }
};

template <class T> constexpr bool is_wide = std::is_same_v<T, __int128> || std::is_same_v<T, unsigned __int128>;

template <class T>
struct Read<T, std::enable_if_t<(std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>) || is_wide<T>>> {
    static T from(const Json& json) {
        if (json.kind == Json::True || json.kind == Json::False) return json.kind == Json::True;
        std::string digits = json.text;
        unsigned base = 10;
        if (const Json* body = json.tag("int")) { digits = body->text; base = 16; }
        else if (json.kind != Json::Number) throw ArgumentError("no integer");
        bool negative = digits[0] == '-';
        std::size_t at = negative;
        if (base == 16) at += 2;
        unsigned __int128 most = 0, value = 0;
        if constexpr (std::is_same_v<T, __int128>) most = ~(unsigned __int128)0 >> 1;
        else if constexpr (std::is_same_v<T, unsigned __int128>) most = ~(unsigned __int128)0;
        else most = std::numeric_limits<T>::max();
        if (negative) most = T(-1) < T(0) ? most + 1 : 0;
        for (; at < digits.size(); ++at) {
            char c = digits[at];
            if (!std::isxdigit((unsigned char)c)) throw ArgumentError("no integer");
            unsigned digit = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
            if (digit > most || value > (most - digit) / base) throw ArgumentError("out of range");
            value = value * base + digit;
        }
        return negative ? T(-(unsigned __int128)value) : T(value);
    }
};

template <class T> struct Read<T, std::enable_if_t<std::is_floating_point_v<T>>> {
    static T from(const Json& json) {
        if (const Json* body = json.tag("float")) {
            if (body->text == "nan") return std::nan("");
            return body->text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
        }
        if (const Json* body = json.tag("int")) {
            bool negative = body->text[0] == '-';
            double value = std::strtod(body->text.c_str() + negative, nullptr);
            return T(negative ? -value : value);
        }
        if (json.kind != Json::Number) throw ArgumentError("no number");
        return T(std::strtold(json.text.c_str(), nullptr));
    }
};

template <class T> struct Read<std::complex<T>> {
    static std::complex<T> from(const Json& json) {
        const Json* body = json.tag("complex");
        if (!body) return read<T>(json);
        return {read<T>(body->items[0]), read<T>(body->items[1])};
    }
};

template <> struct Read<std::string> {
    static std::string from(const Json& json) {
        if (const Json* body = json.tag("bytes")) {
            std::string out;
            for (std::size_t i = 0; i + 1 < body->text.size(); i += 2) {
                out += char(std::stoi(body->text.substr(i, 2), nullptr, 16));
            }
            return out;
        }
        if (json.kind != Json::String) throw ArgumentError("no string");
        return json.text;
    }
};

template <> struct Read<std::nullptr_t> { static std::nullptr_t from(const Json&) { return nullptr; } };
template <> struct Read<std::monostate> { static std::monostate from(const Json&) { return {}; } };

template <class C> C read_items(const Json& json) {
    C made;
    for (const Json& item : parts(json)) made.insert(made.end(), read<typename C::value_type>(item));
    return made;
}

template <class C> C read_map(const Json& json) {
    const Json* body = json.tag("dict");
    if (!body) throw ArgumentError("no map");
    C made;
    for (const Json& pair : body->items) {
        made.emplace(read<typename C::key_type>(pair.items[0]), read<typename C::mapped_type>(pair.items[1]));
    }
    return made;
}

#define PAIRSMITH_ITEMS(NAME) \
    template <class... A> struct Read<std::NAME<A...>> { \
        static std::NAME<A...> from(const Json& json) { return read_items<std::NAME<A...>>(json); } \
    }
PAIRSMITH_ITEMS(vector); PAIRSMITH_ITEMS(list); PAIRSMITH_ITEMS(deque); PAIRSMITH_ITEMS(set);
PAIRSMITH_ITEMS(multiset); PAIRSMITH_ITEMS(unordered_set); PAIRSMITH_ITEMS(unordered_multiset);
#define PAIRSMITH_MAP(NAME) \
    template <class... A> struct Read<std::NAME<A...>> { \
        static std::NAME<A...> from(const Json& json) { return read_map<std::NAME<A...>>(json); } \
    }
PAIRSMITH_MAP(map); PAIRSMITH_MAP(unordered_map); PAIRSMITH_MAP(multimap); PAIRSMITH_MAP(unordered_multimap);

template <class T, std::size_t N> struct Read<std::array<T, N>> {
    static std::array<T, N> from(const Json& json) {
        const auto& items = parts(json);
        if (items.size() != N) throw ArgumentError("another length");
        std::array<T, N> made{};
        for (std::size_t i = 0; i < N; ++i) made[i] = read<T>(items[i]);
        return made;
    }
};

template <class T> struct Read<std::queue<T>> {
    static std::queue<T> from(const Json& json) { return std::queue<T>(read<std::deque<T>>(json)); }
};
template <class T> struct Read<std::stack<T>> {
    static std::stack<T> from(const Json& json) { return std::stack<T>(read<std::deque<T>>(json)); }
};
template <class T> struct Read<std::optional<T>> {
    static std::optional<T> from(const Json& json) {
        if (json.kind == Json::Null) return std::nullopt;
        return read<T>(json);
    }
};

template <class T, std::size_t... I> T read_tuple(const Json& json, std::index_sequence<I...>) {
    const auto& items = parts(json);
    if (items.size() != sizeof...(I)) throw ArgumentError("another length");
    return T(read<std::tuple_element_t<I, T>>(items[I])...);
}
template <class A, class B> struct Read<std::pair<A, B>> {
    static std::pair<A, B> from(const Json& json) {
        return read_tuple<std::pair<A, B>>(json, std::make_index_sequence<2>());
    }
};
template <class... A> struct Read<std::tuple<A...>> {
    static std::tuple<A...> from(const Json& json) {
        return read_tuple<std::tuple<A...>>(json, std::index_sequence_for<A...>());
    }
};
template <class... A> struct Read<std::variant<A...>> {
    static std::variant<A...> from(const Json& json) { return first<A...>(json); }
    template <class T, class... Rest> static std::variant<A...> first(const Json& json) {
        try {
            return read<T>(json);
        } catch (const ArgumentError&) {
            if constexpr (sizeof...(Rest) > 0) return first<Rest...>(json);
            else throw;
        }
    }
};

// An argument, and what it is kept in for the time of the call.
template <class T> struct Hold {
    std::decay_t<T> kept;
    explicit Hold(const Json& json) : kept(read<std::decay_t<T>>(json)) {}
    T give() { return static_cast<T>(kept); }
};
template <class T> struct Hold<T&> {
    std::decay_t<T> kept;
    explicit Hold(const Json& json) : kept(read<std::decay_t<T>>(json)) {}
    T& give() { return kept; }
};
template <> struct Hold<std::string_view> {
    std::string kept;
    explicit Hold(const Json& json) : kept(read<std::string>(json)) {}
    std::string_view give() { return kept; }
};
template <> struct Hold<const char*> {
    std::string kept;
    explicit Hold(const Json& json) : kept(read<std::string>(json)) {}
    const char* give() { return kept.c_str(); }
};
template <> struct Hold<char*> {
    std::string kept;
    explicit Hold(const Json& json) : kept(read<std::string>(json)) {}
    char* give() { return kept.data(); }
};

// --- to JSON ---------------------------------------------------------------------------------------------------

struct TooLarge {};
struct Out {
    std::string text;
    int depth = 0;
    long left = 1000000;
    void node() { if (--left < 0) throw TooLarge{}; }
};
struct Deeper {
    Out& out;
    explicit Deeper(Out& o) : out(o) { if (++out.depth > 100) throw TooLarge{}; }
    ~Deeper() { --out.depth; }
};

inline void write_string(Out& out, std::string_view bytes) {
    static const char* hex = "0123456789abcdef";
    auto unit = [&](std::uint32_t code) {
        out.text += "\\u";
        for (int shift = 12; shift >= 0; shift -= 4) out.text += hex[code >> shift & 15];
    };
    out.text += '"';
    for (std::size_t i = 0; i < bytes.size();) {
        unsigned char c = bytes[i];
        if (c < 0x80) {
            if (c == '"' || c == '\\') { out.text += '\\'; out.text += char(c); }
            else if (c < 0x20 || c == 0x7F) unit(c);
            else out.text += char(c);
            ++i;
            continue;
        }
        int n = c >= 0xF0 && c < 0xF5 ? 3 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xC2 && c < 0xE0 ? 1 : -1;
        std::uint32_t code = n == 3 ? c & 7 : n == 2 ? c & 15 : c & 31;
        bool good = n > 0 && i + n < bytes.size();
        for (int k = 1; good && k <= n; ++k) {
            unsigned char next = bytes[i + k];
            good = (next & 0xC0) == 0x80;
            code = code << 6 | (next & 63);
        }
        if (!good || code > 0x10FFFF) { unit(0xFFFD); ++i; continue; }
        if (code >= 0x10000) { unit(0xD800 + ((code - 0x10000) >> 10)); unit(0xDC00 + ((code - 0x10000) & 0x3FF)); }
        else unit(code);
        i += n + 1;
    }
    out.text += '"';
}

template <class T, class = void> struct Write {
    static void to(Out& out, const T&) { out.text += "{\"opaque\":\"object\"}"; }
};
template <class T> void write(Out& out, const T& value) { out.node(); Write<std::decay_t<T>>::to(out, value); }

template <> struct Write<bool> { static void to(Out& out, bool value) { out.text += value ? "true" : "false"; } };
template <> struct Write<char> { static void to(Out& out, char value) { write_string(out, {&value, 1}); } };
template <> struct Write<std::nullptr_t> { static void to(Out& out, std::nullptr_t) { out.text += "null"; } };
template <> struct Write<std::monostate> { static void to(Out& out, std::monostate) { out.text += "null"; } };

template <class T>
struct Write<T, std::enable_if_t<(std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>) || is_wide<T>>> {
    static void to(Out& out, T value) {
        bool negative = value < T(0);
        unsigned __int128 rest = negative ? -(unsigned __int128)value : (unsigned __int128)value;
        bool exact = rest <= (unsigned __int128)1 << 53;
        std::string digits;
        for (unsigned base = exact ? 10 : 16; rest || digits.empty(); rest /= base) {
            digits.insert(digits.begin(), "0123456789abcdef"[int(rest % base)]);
        }
        if (!exact) digits = "0x" + digits;
        if (negative) digits = "-" + digits;
        out.text += exact ? digits : "{\"int\":\"" + digits + "\"}";
    }
};

template <class T> struct Write<T, std::enable_if_t<std::is_enum_v<T>>> {
    static void to(Out& out, T value) { write(out, static_cast<std::underlying_type_t<T>>(value)); }
};

template <class T> struct Write<T, std::enable_if_t<std::is_floating_point_v<T>>> {
    static void to(Out& out, T value) {
        if (std::isnan(value)) { out.text += "{\"float\":\"nan\"}"; return; }
        if (std::isinf(value)) { out.text += value < 0 ? "{\"float\":\"-inf\"}" : "{\"float\":\"inf\"}"; return; }
        char buffer[64];
        // A float is written as the shortest text that reads back as that float: 0.1f is 0.1.
        auto end = std::is_same_v<T, float> ? std::to_chars(buffer, buffer + 64, float(value)).ptr
                                            : std::to_chars(buffer, buffer + 64, double(value)).ptr;
        std::string digits(buffer, end);
        out.text += digits;
        if (digits.find_first_of(".e") == std::string::npos) out.text += ".0";
    }
};

template <class T> struct Write<std::complex<T>> {
    static void to(Out& out, const std::complex<T>& value) {
        out.text += "{\"complex\":[";
        write(out, value.real()); out.text += ','; write(out, value.imag());
        out.text += "]}";
    }
};

template <> struct Write<std::string> {
    static void to(Out& out, const std::string& value) { write_string(out, value); }
};
template <> struct Write<std::string_view> {
    static void to(Out& out, std::string_view value) { write_string(out, value); }
};
template <class T> struct Write<T, std::enable_if_t<std::is_same_v<T, const char*> || std::is_same_v<T, char*>>> {
    static void to(Out& out, const char* value) {
        if (value) write_string(out, value); else out.text += "null";
    }
};

template <class C> void write_items(Out& out, const C& items) {
    Deeper deeper(out);
    out.text += '[';
    bool first = true;
    for (const auto& item : items) {
        if (!first) out.text += ',';
        first = false;
        write(out, static_cast<const typename C::value_type&>(item));
    }
    out.text += ']';
}
template <class C> void write_map(Out& out, const C& map) {
    Deeper deeper(out);
    out.text += "{\"dict\":[";
    bool first = true;
    for (const auto& pair : map) {
        if (!first) out.text += ',';
        first = false;
        out.text += '[';
        write(out, pair.first); out.text += ','; write(out, pair.second);
        out.text += ']';
    }
    out.text += "]}";
}

#define PAIRSMITH_OUT(NAME, BEFORE, AFTER) \
    template <class... A> struct Write<std::NAME<A...>> { \
        static void to(Out& out, const std::NAME<A...>& value) { \
            out.text += BEFORE; write_items(out, value); out.text += AFTER; \
        } \
    }
PAIRSMITH_OUT(list, "", ""); PAIRSMITH_OUT(deque, "", ""); PAIRSMITH_OUT(forward_list, "", "");
PAIRSMITH_OUT(multiset, "", ""); PAIRSMITH_OUT(unordered_multiset, "", "");
PAIRSMITH_OUT(set, "{\"set\":", "}"); PAIRSMITH_OUT(unordered_set, "{\"set\":", "}");
template <class T, class A> struct Write<std::vector<T, A>> {
    static void to(Out& out, const std::vector<T, A>& value) {
        Deeper deeper(out);
        out.text += '[';
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (i) out.text += ',';
            write(out, static_cast<const T&>(value[i]));
        }
        out.text += ']';
    }
};
template <class T, std::size_t N> struct Write<std::array<T, N>> {
    static void to(Out& out, const std::array<T, N>& value) { write_items(out, value); }
};
#define PAIRSMITH_OUT_MAP(NAME) \
    template <class... A> struct Write<std::NAME<A...>> { \
        static void to(Out& out, const std::NAME<A...>& value) { write_map(out, value); } \
    }
PAIRSMITH_OUT_MAP(map); PAIRSMITH_OUT_MAP(unordered_map); PAIRSMITH_OUT_MAP(multimap);
PAIRSMITH_OUT_MAP(unordered_multimap);

template <class Q, class F> void write_drained(Out& out, Q queue, F next) {
    std::vector<typename Q::value_type> items;
    for (; !queue.empty(); queue.pop()) items.push_back(next(queue));
    write(out, items);
}
template <class T, class C> struct Write<std::queue<T, C>> {
    static void to(Out& out, const std::queue<T, C>& q) { write_drained(out, q, [](auto& x) { return x.front(); }); }
};
template <class T, class C> struct Write<std::stack<T, C>> {
    static void to(Out& out, const std::stack<T, C>& q) { write_drained(out, q, [](auto& x) { return x.top(); }); }
};

template <class T> struct Write<std::optional<T>> {
    static void to(Out& out, const std::optional<T>& value) {
        if (value) write(out, *value); else out.text += "null";
    }
};
template <class T> struct Write<std::unique_ptr<T>> {
    static void to(Out& out, const std::unique_ptr<T>& value) {
        if (value) write(out, *value); else out.text += "null";
    }
};
template <class T> struct Write<std::shared_ptr<T>> {
    static void to(Out& out, const std::shared_ptr<T>& value) {
        if (value) write(out, *value); else out.text += "null";
    }
};
template <class T> void write_tuple(Out& out, const T& value) {
    Deeper deeper(out);
    out.text += "{\"tuple\":[";
    bool first = true;
    std::apply([&](const auto&... parts) {
        ((out.text += first ? "" : ",", first = false, write(out, parts)), ...);
    }, value);
    out.text += "]}";
}
template <class A, class B> struct Write<std::pair<A, B>> {
    static void to(Out& out, const std::pair<A, B>& value) { write_tuple(out, std::tie(value.first, value.second)); }
};
template <class... A> struct Write<std::tuple<A...>> {
    static void to(Out& out, const std::tuple<A...>& value) { write_tuple(out, value); }
};
template <class... A> struct Write<std::variant<A...>> {
    static void to(Out& out, const std::variant<A...>& value) {
        std::visit([&](const auto& part) { write(out, part); }, value);
    }
};

// --- calling ---------------------------------------------------------------------------------------------------

template <class R, class F, class... A, std::size_t... I>
std::string call_with(F&& function, const Json& arguments, std::index_sequence<I...>) {
    const auto& items = parts(arguments);
    if (items.size() != sizeof...(A)) throw ArgumentError("another number of arguments");
    std::tuple<Hold<A>...> held{Hold<A>(items[I])...};
    Out out;
    if constexpr (std::is_void_v<R>) {
        function(std::get<I>(held).give()...);
        out.text = "null";
    } else {
        write(out, function(std::get<I>(held).give()...));
    }
    return out.text;
}

template <class R, class... A> std::string call(R (*function)(A...), const Json& arguments) {
    return call_with<R, R (*&)(A...), A...>(function, arguments, std::index_sequence_for<A...>());
}
template <class R, class... A> std::string call(R (*function)(A...) noexcept, const Json& arguments) {
    return call(static_cast<R (*)(A...)>(function), arguments);
}
template <class S, class R, class... A> std::string call(R (S::*method)(A...), const Json& arguments) {
    S solution{};
    auto bound = [&](A... parts) -> R { return (solution.*method)(std::forward<A>(parts)...); };
    return call_with<R, decltype(bound)&, A...>(bound, arguments, std::index_sequence_for<A...>());
}
template <class S, class R, class... A> std::string call(R (S::*method)(A...) const, const Json& arguments) {
    S solution{};
    auto bound = [&](A... parts) -> R { return (solution.*method)(std::forward<A>(parts)...); };
    return call_with<R, decltype(bound)&, A...>(bound, arguments, std::index_sequence_for<A...>());
}
template <class R, class... A> std::string call(const std::function<R(A...)>& function, const Json& arguments) {
    return call_with<R, const std::function<R(A...)>&, A...>(function, arguments, std::index_sequence_for<A...>());
}
template <class F> auto call(const F& lambda, const Json& arguments) -> decltype(std::function(lambda), std::string()) {
    return call(std::function(lambda), arguments);
}
template <class F> auto call(F* lambda, const Json& arguments) -> decltype(std::function(*lambda), std::string()) {
    return call(std::function(*lambda), arguments);
}

inline std::string type_name(const std::type_info& type) {
    int status = 0;
    char* name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
    std::string full = name ? name : "exception";
    std::free(name);
    std::size_t colon = full.rfind("::");
    return colon == std::string::npos ? full : full.substr(colon + 2);
}

template <class F> std::string answer(F function, const Json& arguments) {
    try {
        return "V" + function(arguments);
    } catch (const TooLarge&) {
        return "T";
    } catch (const std::bad_alloc&) {
        return "RMemoryError";
    } catch (const std::exception& error) {
        return "R" + type_name(typeid(error));
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        return "R" + (type ? type_name(*type) : std::string("exception"));
    }
}

inline bool read_line(std::string& line) {
    static std::FILE* requests = fdopen(3, "r");
    static char* buffer = nullptr;
    static std::size_t room = 0;
    ssize_t n = getline(&buffer, &room, requests);
    if (n <= 0) return false;
    line.assign(buffer, n - (buffer[n - 1] == '\n'));
    return true;
}

inline void write_line(const std::string& text) {
    std::string line = text + "\n";
    for (std::size_t at = 0; at < line.size();) {
        ssize_t n = ::write(4, line.data() + at, line.size() - at);
        if (n <= 0) _exit(1);
        at += n;
    }
}

template <class F> int serve(F function) {
    std::string line;
    if (!read_line(line)) return 0;
    write_line(line.substr(0, line.find(' ')) + " L");
    while (read_line(line)) {
        std::size_t gap = line.find(' ');
        std::string nonce = line.substr(0, gap), reply;
        reply = answer(function, Parser(line = line.substr(gap + 1)).parse());
        write_line(nonce + " " + reply);
    }
    std::fflush(nullptr);
    _exit(0);
}

}  // namespace pairsmith
