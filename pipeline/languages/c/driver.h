/* Reads arguments and writes values for a C solution; speaks the lines of `pipeline.sandbox.inside.foreign`. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct ps_json {
    char kind;            /* n t f 0 (number) " [ { */
    char *text;           /* of a number or string; of an object its one key */
    size_t length, n;     /* bytes of text; number of parts */
    struct ps_json *parts;
} ps_json;

static jmp_buf ps_back;
static void ps_refuse(void) { longjmp(ps_back, 1); }
static void *ps_get(size_t n) {
    void *made = calloc(n ? n : 1, 1);
    if (!made) longjmp(ps_back, 2);
    return made;
}

/* An array: what lies right behind it holds a pattern, as fresh memory does, and no zeros. */
static void *ps_array(size_t n) {
    void *made = ps_get(n + 64);
    return memset(made, 0x5A, n + 64);
}

/* --- from JSON; nothing is freed: the process is one program's */

static const char *ps_at;

static unsigned ps_hex4(void) {
    unsigned code = 0;
    for (int i = 0; i < 4; i++, ps_at++) code = code * 16 + (*ps_at <= '9' ? *ps_at - '0' : (*ps_at | 32) - 'a' + 10);
    return code;
}

static char *ps_utf8(char *out, unsigned long code) {
    if (code < 0x80) *out++ = (char)code;
    else {
        int n = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        *out++ = (char)((n == 1 ? 0xC0 : n == 2 ? 0xE0 : 0xF0) | code >> 6 * n);
        while (n--) *out++ = (char)(0x80 | (code >> 6 * n & 63));
    }
    return out;
}

static char *ps_string(size_t *length) {
    const char *end = ++ps_at;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    char *made = (char *)ps_get((size_t)(end - ps_at) + 1), *out = made;
    while (*ps_at != '"') {
        if (*ps_at != '\\') { *out++ = *ps_at++; continue; }
        char c = ps_at[1];
        const char *known = strchr("nrtbf", c);
        ps_at += 2;
        if (c == 'u') {
            unsigned long code = ps_hex4();
            if (code >= 0xD800 && code < 0xDC00 && ps_at[0] == '\\' && ps_at[1] == 'u') {
                ps_at += 2;
                code = 0x10000 + ((code - 0xD800) << 10) + (ps_hex4() - 0xDC00);
            }
            out = ps_utf8(out, code);
        } else {
            *out++ = known ? "\n\r\t\b\f"[known - "nrtbf"] : c;
        }
    }
    ps_at++;
    *length = (size_t)(out - made);
    return made;
}

static ps_json ps_parse(void) {
    ps_json made = {0, NULL, 0, 0, NULL};
    made.kind = *ps_at;
    if (*ps_at == 'n' || *ps_at == 't') ps_at += 4;
    else if (*ps_at == 'f') ps_at += 5;
    else if (*ps_at == '"') made.text = ps_string(&made.length);
    else if (*ps_at == '[') {
        size_t room = 0;
        for (ps_at++; *ps_at != ']';) {
            if (*ps_at == ',') { ps_at++; continue; }
            if (made.n == room) {
                room = room ? 2 * room : 8;
                made.parts = (ps_json *)realloc(made.parts, room * sizeof(ps_json));
                if (!made.parts) longjmp(ps_back, 2);
            }
            ps_json part = ps_parse();
            made.parts[made.n++] = part;
        }
        ps_at++;
    } else if (*ps_at == '{') {
        ps_at++;
        made.text = ps_string(&made.length);
        ps_at++;
        made.parts = (ps_json *)ps_get(sizeof(ps_json));
        made.parts[0] = ps_parse();
        made.n = 1;
        ps_at++;
    } else {
        size_t n = strspn(ps_at, "+-.eE0123456789");
        if (!n) ps_refuse();
        made.kind = '0';
        made.text = (char *)ps_get(n + 1);
        memcpy(made.text, ps_at, n);
        ps_at += n;
    }
    return made;
}

static int ps_is(const ps_json *json, const char *tag) { return json->kind == '{' && !strcmp(json->text, tag); }

static const ps_json *ps_list(const ps_json *json) {
    if (json->kind == '[') return json;
    if (ps_is(json, "tuple") || ps_is(json, "set") || ps_is(json, "frozenset")) return &json->parts[0];
    ps_refuse();
    return NULL;
}

static __int128 ps_whole(const ps_json *json) {
    if (json->kind == 't' || json->kind == 'f') return json->kind == 't';
    const char *text = json->text;
    unsigned base = 10;
    if (ps_is(json, "int")) { text = json->parts[0].text; base = 16; }
    else if (json->kind != '0') ps_refuse();
    int negative = *text == '-';
    text += negative;
    if (base == 16) text += 2;
    if (strlen(text) > 20) ps_refuse();
    __int128 value = 0;
    for (; *text; text++) {
        if (!isxdigit((unsigned char)*text)) ps_refuse();
        value = value * base + (*text <= '9' ? *text - '0' : (*text | 32) - 'a' + 10);
    }
    return negative ? -value : value;
}

static __int128 ps_between(const ps_json *json, __int128 least, __int128 most) {
    __int128 value = ps_whole(json);
    if (value < least || value > most) ps_refuse();
    return value;
}

static long double ps_real(const ps_json *json) {
    if (ps_is(json, "float")) {
        const char *text = json->parts[0].text;
        return *text == 'n' ? (long double)NAN : *text == '-' ? -(long double)INFINITY : (long double)INFINITY;
    }
    if (json->kind == '0') return strtold(json->text, NULL);
    return (long double)ps_whole(json);
}

static bool ps_truth(const ps_json *json) {
    if (json->kind != 't' && json->kind != 'f') ps_refuse();
    return json->kind == 't';
}

static char ps_letter(const ps_json *json) {
    if (json->kind != '"' || json->length != 1) ps_refuse();
    return json->text[0];
}

static char *ps_text(const ps_json *json) {
    if (json->kind == 'n') return NULL;
    if (json->kind != '"' || strlen(json->text) != json->length) ps_refuse(); /* a NUL has no place in it */
    return json->text;
}

/* --- to JSON */

static char *ps_out;
static size_t ps_length, ps_room;

static void ps_put(const char *text, size_t n) {
    if (ps_length + n + 1 > ps_room) {
        ps_room = 2 * (ps_length + n + 1);
        ps_out = (char *)realloc(ps_out, ps_room);
        if (!ps_out) longjmp(ps_back, 2);
    }
    memcpy(ps_out + ps_length, text, n);
    ps_length += n;
    ps_out[ps_length] = 0;
}
static void ps_say(const char *text) { ps_put(text, strlen(text)); }

static void ps_say_whole(__int128 value) {
    char digits[48], *at = digits + sizeof digits;
    int negative = value < 0;
    unsigned __int128 rest = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    int exact = rest <= (unsigned __int128)1 << 53;
    *--at = 0;
    do *--at = "0123456789abcdef"[(int)(rest % (exact ? 10 : 16))]; while (rest /= exact ? 10 : 16);
    ps_say(exact ? "" : "{\"int\":\"");
    ps_say(negative ? "-" : "");
    ps_say(exact ? "" : "0x");
    ps_say(at);
    ps_say(exact ? "" : "\"}");
}

static void ps_say_real(double value, int is_float) {
    char text[40];
    int digits = 1;
    if (isnan(value)) { ps_say("{\"float\":\"nan\"}"); return; }
    if (isinf(value)) { ps_say(value < 0 ? "{\"float\":\"-inf\"}" : "{\"float\":\"inf\"}"); return; }
    do snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < 17 && (is_float ? strtof(text, NULL) != (float)value : strtod(text, NULL) != value));
    ps_say(text);
    if (!strpbrk(text, ".e")) ps_say(".0");
}

static void ps_say_unit(unsigned long code) {
    char text[8];
    snprintf(text, sizeof text, "\\u%04lx", code);
    ps_say(text);
}

static void ps_say_bytes(const char *bytes, size_t length) {
    ps_say("\"");
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x80) {
            if (c == '"' || c == '\\') ps_say("\\");
            if (c < 0x20 || c == 0x7F) ps_say_unit(c); else ps_put((const char *)&c, 1);
            i++;
            continue;
        }
        int n = c >= 0xF0 && c < 0xF5 ? 3 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xC2 && c < 0xE0 ? 1 : 0;
        unsigned long code = n == 3 ? c & 7 : n == 2 ? c & 15 : c & 31;
        int good = n > 0 && i + (size_t)n < length;
        for (int k = 1; good && k <= n; k++) {
            good = (bytes[i + k] & 0xC0) == 0x80;
            code = code << 6 | (bytes[i + k] & 63);
        }
        if (!good || code > 0x10FFFF) { ps_say_unit(0xFFFD); i++; continue; }
        if (code >= 0x10000) {
            ps_say_unit(0xD800 + ((code - 0x10000) >> 10));
            ps_say_unit(0xDC00 + ((code - 0x10000) & 0x3FF));
        } else ps_say_unit(code);
        i += (size_t)n + 1;
    }
    ps_say("\"");
}
static void ps_say_letter(char letter) { ps_say_bytes(&letter, 1); }
static void ps_say_text(const char *text) { if (text) ps_say_bytes(text, strlen(text)); else ps_say("null"); }
static void ps_say_truth(bool truth) { ps_say(truth ? "true" : "false"); }

/* --- calling */

static void ps_write_line(const char *nonce, const char *kind, const char *body) {
    size_t n = strlen(nonce) + strlen(kind) + strlen(body) + 2, at = 0;
    char *line = (char *)malloc(n + 1);
    if (!line) _exit(1);
    sprintf(line, "%s %s%s\n", nonce, kind, body);
    while (at < n) {
        ssize_t done = write(4, line + at, n - at);
        if (done <= 0) _exit(1);
        at += (size_t)done;
    }
    free(line);
}

static int ps_serve(void (*call)(const ps_json *)) {
    FILE *requests = fdopen(3, "r");
    char *line = NULL;
    size_t room = 0;
    for (int is_first = 1; getline(&line, &room, requests) > 0; is_first = 0) {
        char *gap = strchr(line, ' ');
        if (!gap) _exit(1);
        *gap = 0;
        if (is_first) { ps_write_line(line, "L", ""); continue; }
        switch (setjmp(ps_back)) {
            case 0: {
                ps_at = gap + 1;
                ps_length = 0;
                ps_json arguments = ps_parse();
                call(ps_list(&arguments));
                ps_write_line(line, "V", ps_out);
                break;
            }
            case 1: ps_write_line(line, "RArgumentError", ""); break;
            default: ps_write_line(line, "RMemoryError", "");
        }
    }
    fflush(NULL);
    _exit(0);
}
