// Loads a Java solution, calls its entry point, and speaks the lines of `pipeline.sandbox.inside.foreign`.

// A solution may have classes of any name, such as `List`, in its own package, which is none.
package pairsmith;

import java.io.*;
import java.lang.reflect.*;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.stream.BaseStream;

public final class PairsmithDriver {
    static final int MAX_DEPTH = 100;
    static final long EXACT = 1L << 53;

    static final class ArgumentError extends RuntimeException {}

    static final class TooLarge extends RuntimeException {}

    public static void main(String[] names) {
        try (InputStream in = new BufferedInputStream(new FileInputStream(open(3)))) {
            OutputStream out = new FileOutputStream(open(4));
            String nonce = readLine(in).split(" ")[0];
            List<Method> methods = null;
            String loaded;
            try {
                methods = find(names[0].substring(names[0].lastIndexOf('.') + 1));
                loaded = methods.isEmpty() ? "M" : "L";
            } catch (Throwable error) {
                loaded = "R" + nameOf(error);
            }
            say(out, nonce + " " + loaded);
            for (String line; loaded.equals("L") && (line = readLine(in)) != null; ) {
                int gap = line.indexOf(' ');
                say(out, line.substring(0, gap) + " " + answer(methods, line.substring(gap + 1)));
            }
        } catch (Exception error) {
            Runtime.getRuntime().halt(1);
        }
        Runtime.getRuntime().halt(0);
    }

    static FileDescriptor open(int number) throws Exception {
        // /proc is closed to programs, so /dev/fd is no way: FileDescriptor has a constructor for numbers.
        Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        return constructor.newInstance(number);
    }

    static String readLine(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int c; (c = in.read()) != '\n'; line.write(c)) {
            if (c < 0) return null;
        }
        return line.toString(StandardCharsets.US_ASCII);
    }

    static void say(OutputStream out, String line) throws IOException {
        out.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
        out.flush();
    }

    /** Methods of that name: of Solution, else of Main, else of the first class that has one. */
    static List<Method> find(String name) throws Throwable {
        List<String> classes = new ArrayList<>(List.of("Solution", "Main"));
        String[] files = new File("classes").list();
        Arrays.sort(files);
        for (String file : files) {
            if (file.endsWith(".class") && !file.startsWith("PairsmithDriver")) {
                classes.add(file.substring(0, file.length() - 6));
            }
        }
        List<Method> found = new ArrayList<>();
        for (String each : classes) {
            Class<?> type;
            try {
                type = Class.forName(each, false, PairsmithDriver.class.getClassLoader());
            } catch (ClassNotFoundException absent) {
                continue;
            }
            for (Method method : type.getDeclaredMethods()) {
                if (method.getName().equals(name) && !method.isSynthetic()) found.add(method);
            }
            if (found.isEmpty()) continue;
            try {
                Class.forName(each, true, PairsmithDriver.class.getClassLoader());
            } catch (ExceptionInInitializerError error) {
                throw error.getCause();
            }
            return found;
        }
        return found;
    }

    static String answer(List<Method> methods, String text) {
        try {
            List<?> given = (List<?>) new Parser(text).parse();
            RuntimeException last = new ArgumentError();
            for (Method method : methods) {
                Object[] arguments;
                try {
                    arguments = convert(method, given);
                } catch (ArgumentError | ClassCastException | NullPointerException error) {
                    continue;
                }
                method.setAccessible(true);
                Object target = null;
                if (!Modifier.isStatic(method.getModifiers())) {
                    Constructor<?> constructor = method.getDeclaringClass().getDeclaredConstructor();
                    constructor.setAccessible(true);
                    target = constructor.newInstance();
                }
                Object value = method.invoke(target, arguments);
                StringBuilder out = new StringBuilder("V");
                new Writer(out).write(value, 0);
                return out.toString();
            }
            throw last;
        } catch (TooLarge error) {
            return "T";
        } catch (InvocationTargetException error) {
            return "R" + nameOf(error.getCause());
        } catch (Throwable error) {
            return "R" + nameOf(error);
        }
    }

    static String nameOf(Throwable error) {
        if (error instanceof OutOfMemoryError) return "MemoryError";
        String name = error.getClass().getSimpleName();
        return name.isEmpty() ? "Throwable" : name;
    }

    static Object[] convert(Method method, List<?> given) {
        Type[] types = method.getGenericParameterTypes();
        int n = types.length;
        if (!method.isVarArgs() || given.size() == n && given.get(n - 1) instanceof List) {
            if (given.size() != n) throw new ArgumentError();
            Object[] made = new Object[n];
            for (int i = 0; i < n; i++) made[i] = Reader.read(given.get(i), types[i]);
            return made;
        }
        if (given.size() < n - 1) throw new ArgumentError();
        Object[] made = new Object[n];
        for (int i = 0; i < n - 1; i++) made[i] = Reader.read(given.get(i), types[i]);
        made[n - 1] = Reader.read(given.subList(n - 1, given.size()), types[n - 1]);
        return made;
    }

    /** JSON as null, Boolean, String, BigInteger, Double, List, and Tagged for an object. */
    static final class Parser {
        final String text;
        int at = 0;

        Parser(String text) {
            this.text = text;
        }

        Object parse() {
            char c = text.charAt(at);
            switch (c) {
                case 'n': at += 4; return null;
                case 't': at += 4; return true;
                case 'f': at += 5; return false;
                case '"': return string();
                case '[': return list();
                case '{': return tagged();
                default: return number();
            }
        }

        List<Object> list() {
            List<Object> made = new ArrayList<>();
            for (at++; text.charAt(at) != ']'; ) {
                if (text.charAt(at) == ',') at++;
                else made.add(parse());
            }
            at++;
            return made;
        }

        Tagged tagged() {
            at++;
            String tag = string();
            at++;
            Object body = parse();
            at++;
            return new Tagged(tag, body);
        }

        Object number() {
            int start = at;
            while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
            String digits = text.substring(start, at);
            if (digits.isEmpty()) throw new ArgumentError();
            if (digits.matches("-?\\d+")) return new BigInteger(digits);
            return Double.valueOf(digits);
        }

        String string() {
            StringBuilder made = new StringBuilder();
            for (at++; text.charAt(at) != '"'; at++) {
                char c = text.charAt(at);
                if (c != '\\') {
                    made.append(c);
                    continue;
                }
                c = text.charAt(++at);
                int known = "nrtbf".indexOf(c);
                if (c == 'u') {
                    made.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
                    at += 4;
                } else {
                    made.append(known >= 0 ? "\n\r\t\b\f".charAt(known) : c);
                }
            }
            at++;
            return made.toString();
        }
    }

    static final class Tagged {
        final String tag;
        final Object body;

        Tagged(String tag, Object body) {
            this.tag = tag;
            this.body = body;
        }
    }

    static final class Reader {
        static Object read(Object tree, Type type) {
            if (type instanceof GenericArrayType) {
                return array(tree, ((GenericArrayType) type).getGenericComponentType());
            }
            if (type instanceof ParameterizedType) {
                ParameterizedType known = (ParameterizedType) type;
                return container(tree, (Class<?>) known.getRawType(), known.getActualTypeArguments());
            }
            if (!(type instanceof Class)) return guess(tree);  // a type variable or wildcard
            Class<?> kind = (Class<?>) type;
            if (kind.isArray()) return array(tree, kind.getComponentType());
            if (kind == Object.class) return guess(tree);
            if (tree == null) {
                if (kind.isPrimitive()) throw new ArgumentError();
                return kind == Optional.class ? Optional.empty() : null;
            }
            if (kind == boolean.class || kind == Boolean.class) return (Boolean) tree;
            if (kind == char.class || kind == Character.class) {
                if (((String) tree).length() != 1) throw new ArgumentError();
                return ((String) tree).charAt(0);
            }
            if (kind == String.class || kind == CharSequence.class) return (String) tree;
            if (kind.isPrimitive() || Number.class.isAssignableFrom(kind)) return number(tree, kind);
            return container(tree, kind, new Type[] {Object.class, Object.class});
        }

        static Object number(Object tree, Class<?> kind) {
            if (kind == double.class || kind == Double.class) return real(tree);
            if (kind == float.class || kind == Float.class) return (float) real(tree);
            if (kind == BigDecimal.class) {
                return tree instanceof Double ? BigDecimal.valueOf((Double) tree) : new BigDecimal(whole(tree));
            }
            if (kind == Number.class) return tree instanceof Double ? tree : (Object) whole(tree);
            BigInteger value = whole(tree);
            if (kind == BigInteger.class) return value;
            int bits = kind == long.class || kind == Long.class ? 63
                : kind == int.class || kind == Integer.class ? 31
                : kind == short.class || kind == Short.class ? 15 : 7;
            if (value.bitLength() > bits) throw new ArgumentError();
            if (bits == 63) return value.longValue();
            if (bits == 31) return value.intValue();
            return bits == 15 ? (Object) value.shortValue() : (Object) value.byteValue();
        }

        static BigInteger whole(Object tree) {
            if (tree instanceof Tagged && ((Tagged) tree).tag.equals("int")) {
                return new BigInteger(((String) ((Tagged) tree).body).replace("0x", ""), 16);
            }
            if (tree instanceof Boolean) return (Boolean) tree ? BigInteger.ONE : BigInteger.ZERO;
            return (BigInteger) tree;
        }

        static double real(Object tree) {
            if (tree instanceof Double) return (Double) tree;
            if (tree instanceof Tagged && ((Tagged) tree).tag.equals("float")) {
                String body = (String) ((Tagged) tree).body;
                return body.equals("nan") ? Double.NaN
                    : body.equals("inf") ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
            }
            return whole(tree).doubleValue();
        }

        static List<?> parts(Object tree) {
            if (tree instanceof List) return (List<?>) tree;
            if (tree instanceof Tagged && List.of("tuple", "set", "frozenset").contains(((Tagged) tree).tag)) {
                return (List<?>) ((Tagged) tree).body;
            }
            throw new ArgumentError();
        }

        static Object array(Object tree, Type part) {
            Class<?> kind = part instanceof Class ? (Class<?>) part
                : part instanceof ParameterizedType ? (Class<?>) ((ParameterizedType) part).getRawType()
                : Object.class;
            if (tree == null) return null;
            if (kind == byte.class && tree instanceof Tagged && ((Tagged) tree).tag.equals("bytes")) {
                return new BigInteger("01" + ((Tagged) tree).body, 16).toByteArray().length == 1 ? new byte[0]
                    : Arrays.copyOfRange(new BigInteger("01" + ((Tagged) tree).body, 16).toByteArray(), 1,
                        ((String) ((Tagged) tree).body).length() / 2 + 1);
            }
            if (part instanceof GenericArrayType) {
                kind = array(List.of(), ((GenericArrayType) part).getGenericComponentType()).getClass();
            }
            List<?> parts = parts(tree);
            Object made = Array.newInstance(kind, parts.size());
            for (int i = 0; i < parts.size(); i++) Array.set(made, i, read(parts.get(i), part));
            return made;
        }

        static Object container(Object tree, Class<?> kind, Type[] of) {
            if (kind == Optional.class) return Optional.ofNullable(tree == null ? null : read(tree, of[0]));
            if (tree == null) return null;
            if (Map.class.isAssignableFrom(kind)) {
                Map<Object, Object> made = kind == TreeMap.class || kind == SortedMap.class || kind == NavigableMap.class
                    ? new TreeMap<>() : new LinkedHashMap<>();
                if (kind == HashMap.class) made = new HashMap<>();
                if (!(tree instanceof Tagged) || !((Tagged) tree).tag.equals("dict")) throw new ArgumentError();
                for (Object pair : (List<?>) ((Tagged) tree).body) {
                    List<?> both = (List<?>) pair;
                    made.put(read(both.get(0), of[0]), read(both.get(1), of[1]));
                }
                return made;
            }
            if (Map.Entry.class.isAssignableFrom(kind)) {
                List<?> both = parts(tree);
                return new AbstractMap.SimpleEntry<>(read(both.get(0), of[0]), read(both.get(1), of[1]));
            }
            if (Iterable.class.isAssignableFrom(kind)) {
                Collection<Object> made = collection(kind);
                for (Object part : parts(tree)) made.add(read(part, of[0]));
                return made;
            }
            throw new ArgumentError();
        }

        static Collection<Object> collection(Class<?> kind) {
            if (kind.isAssignableFrom(ArrayList.class)) return new ArrayList<>();
            if (kind.isAssignableFrom(LinkedHashSet.class)) return new LinkedHashSet<>();
            if (kind.isAssignableFrom(TreeSet.class)) return new TreeSet<>();
            if (kind.isAssignableFrom(LinkedList.class)) return new LinkedList<>();
            if (kind.isAssignableFrom(ArrayDeque.class)) return new ArrayDeque<>();
            if (kind.isAssignableFrom(PriorityQueue.class)) return new PriorityQueue<>();
            if (kind.isAssignableFrom(Vector.class)) return new Vector<>();
            if (kind.isAssignableFrom(Stack.class)) return new Stack<>();
            throw new ArgumentError();
        }

        /** What an Object gets: Integer, Long or BigInteger, Double, Boolean, String, List, Set, Map. */
        static Object guess(Object tree) {
            if (tree instanceof BigInteger || tree instanceof Tagged && ((Tagged) tree).tag.equals("int")) {
                BigInteger value = whole(tree);
                if (value.bitLength() <= 31) return value.intValue();
                return value.bitLength() <= 63 ? (Object) value.longValue() : value;
            }
            if (tree instanceof List) return container(tree, List.class, new Type[] {Object.class});
            if (!(tree instanceof Tagged)) return tree;
            Type[] any = {Object.class, Object.class};
            switch (((Tagged) tree).tag) {
                case "float": return real(tree);
                case "tuple": return container(tree, List.class, any);
                case "set": case "frozenset": return container(tree, Set.class, any);
                case "dict": return container(tree, Map.class, any);
                default: throw new ArgumentError();
            }
        }
    }

    static final class Writer {
        final StringBuilder out;
        final IdentityHashMap<Object, Integer> above = new IdentityHashMap<>();
        int left = 1_000_000;

        Writer(StringBuilder out) {
            this.out = out;
        }

        void write(Object value, int depth) throws Exception {
            if (--left < 0) throw new TooLarge();
            if (value == null || value instanceof Boolean) out.append(value);
            else if (value instanceof CharSequence || value instanceof Character) string(value.toString());
            else if (value instanceof Number) number((Number) value);
            else if (value instanceof Optional) write(((Optional<?>) value).orElse(null), depth);
            else if (value instanceof Enum) string(((Enum<?>) value).name());
            else container(value, depth);
        }

        void container(Object value, int depth) throws Exception {
            if (above.containsKey(value)) {
                out.append("{\"cycle\":").append(depth - above.get(value)).append('}');
                return;
            }
            if (depth >= MAX_DEPTH) throw new TooLarge();
            above.put(value, depth);
            if (value.getClass().isArray()) {
                List<Object> items = new AbstractList<>() {
                    public Object get(int i) { return Array.get(value, i); }
                    public int size() { return Array.getLength(value); }
                };
                all(items.iterator(), depth);
            } else if (value instanceof Map) {
                tagged("dict", () -> {
                    String comma = "[";
                    for (Map.Entry<?, ?> pair : ((Map<?, ?>) value).entrySet()) {
                        out.append(comma);
                        all(Arrays.asList(pair.getKey(), pair.getValue()).iterator(), depth);
                        comma = ",";
                    }
                    out.append(comma.equals("[") ? "[]" : "]");
                });
            } else if (value instanceof Map.Entry) {
                Map.Entry<?, ?> pair = (Map.Entry<?, ?>) value;
                tagged("tuple", () -> all(Arrays.asList(pair.getKey(), pair.getValue()).iterator(), depth));
            } else if (value instanceof Set) {
                tagged("set", () -> all(((Set<?>) value).iterator(), depth));
            } else if (value instanceof Iterable) {
                all(((Iterable<?>) value).iterator(), depth);
            } else if (value instanceof Iterator || value instanceof BaseStream) {
                Iterator<?> items = value instanceof Iterator ? (Iterator<?>) value : ((BaseStream<?, ?>) value).iterator();
                tagged("lazy", () -> {
                    out.append("[\"generator\",");
                    all(items, depth);
                    out.append(']');
                });
            } else {
                record(value, depth);
            }
            above.remove(value);
        }

        void record(Object value, int depth) throws Exception {
            Class<?> type = value.getClass();
            if (type.getName().startsWith("java.") || type.isSynthetic()) {
                tagged("opaque", () -> string(type.getSimpleName()));
                return;
            }
            tagged("record", () -> {
                out.append('[');
                string(type.getSimpleName());
                out.append(",[");
                String comma = "";
                for (Field field : type.getDeclaredFields()) {
                    if (Modifier.isStatic(field.getModifiers()) || field.isSynthetic()) continue;
                    field.setAccessible(true);
                    out.append(comma).append('[');
                    string(field.getName());
                    out.append(',');
                    write(field.get(value), depth + 1);
                    out.append(']');
                    comma = ",";
                }
                out.append("]]");
            });
        }

        interface Body {
            void write() throws Exception;
        }

        void tagged(String tag, Body body) throws Exception {
            out.append("{\"").append(tag).append("\":");
            body.write();
            out.append('}');
        }

        void all(Iterator<?> items, int depth) throws Exception {
            out.append('[');
            for (String comma = ""; items.hasNext(); comma = ",") {
                out.append(comma);
                write(items.next(), depth + 1);
            }
            out.append(']');
        }

        void number(Number value) {
            if (value instanceof Double || value instanceof Float) {
                double known = value.doubleValue();
                if (known != known) out.append("{\"float\":\"nan\"}");
                else if (Double.isInfinite(known)) out.append(known > 0 ? "{\"float\":\"inf\"}" : "{\"float\":\"-inf\"}");
                else out.append(value);
                return;
            }
            if (value instanceof BigDecimal) {
                out.append(value.doubleValue());
                return;
            }
            BigInteger whole = value instanceof BigInteger ? (BigInteger) value : BigInteger.valueOf(value.longValue());
            if (whole.bitLength() > 1 << 22) throw new TooLarge();
            if (whole.abs().compareTo(BigInteger.valueOf(EXACT)) <= 0) out.append(whole);
            else {
                String hex = "0x" + whole.abs().toString(16);
                out.append("{\"int\":\"").append(whole.signum() < 0 ? "-" : "").append(hex).append("\"}");
            }
        }

        void string(String text) {
            out.append('"');
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == '"' || c == '\\') out.append('\\').append(c);
                else if (c >= 0x20 && c < 0x7f) out.append(c);
                else out.append(String.format("\\u%04x", (int) c));
            }
            out.append('"');
        }
    }
}
