"use strict";
// Loads a solution, calls its entry point, and speaks the lines of `pipeline.sandbox.inside.foreign`.
(() => {
  const fs = require("fs"), path = require("path"), url = require("url"), Module = require("module");
  const [NAME, OWNER = "Solution"] = process.argv[2].split(".").reverse(), FOLDER = __dirname, exit = process.exit.bind(process);
  const {parse, stringify} = JSON, {isArray} = Array, {isInteger} = Number, ownKeys = Object.keys;
  const prototypeOf = Object.getPrototypeOf, define = Object.defineProperty;
  const MAX_DEPTH = 100, MAX_NODES = 1000000, EXACT = 2 ** 53;
  const LAZY = new Set(["Generator", "Array Iterator", "Map Iterator", "Set Iterator", "String Iterator"]);
  // Methods that an earlier Node does not have prove nothing, as a package that is not there.
  const LATER = /\.(toSorted|toReversed|toSpliced|groupBy|withResolvers|fromAsync|symmetricDifference|isSubsetOf|isSupersetOf|isDisjointFrom) is not a function/;
  class TooLarge extends Error {}

  let waiting = Buffer.alloc(0);
  function readLine() {
    const chunk = Buffer.alloc(65536);
    const parts = [];
    for (;;) {
      const end = waiting.indexOf(10);
      if (end >= 0) {
        parts.push(waiting.subarray(0, end));
        waiting = waiting.subarray(end + 1);
        return Buffer.concat(parts).toString("latin1");
      }
      parts.push(waiting);
      const n = fs.readSync(3, chunk, 0, chunk.length, null);
      if (n === 0) return null;
      waiting = Buffer.from(chunk.subarray(0, n));
    }
  }

  function writeLine(text) {
    const data = Buffer.from(text + "\n", "latin1");
    for (let at = 0; at < data.length;) at += fs.writeSync(4, data, at);
  }

  function decode(tree) {
    if (tree === null || typeof tree !== "object") return tree;
    if (isArray(tree)) return tree.map(decode);
    const tag = ownKeys(tree)[0], body = tree[tag];
    switch (tag) {
      case "int": return BigInt(body.replace("-", "")) * (body[0] === "-" ? -1n : 1n);
      case "float": return {nan: NaN, inf: Infinity, "-inf": -Infinity}[body];
      case "bytes": return new Uint8Array(Buffer.from(body, "hex"));
      case "tuple": return body.map(decode);
      case "set": case "frozenset": return new Set(body.map(decode));
      case "dict": return decodeDict(body);
      case "record": case "namedtuple": return decodeDict(body[1]);
      case "lazy": return body[1].map(decode);
      default: throw Object.assign(new Error(tag), {name: "ArgumentError"});
    }
  }

  function decodeDict(pairs) {
    if (!pairs.every(([key]) => typeof key === "string")) return new Map(pairs.map(pair => pair.map(decode)));
    const made = {};
    for (const [key, value] of pairs) {
      define(made, key, {value: decode(value), writable: true, enumerable: true, configurable: true});
    }
    return made;
  }

  function text(value) {
    return stringify(value).replace(/[\u007f-\uffff]/g, c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  }

  function encodeNumber(x) {
    if (x !== x) return '{"float":"nan"}';
    if (x === Infinity) return '{"float":"inf"}';
    if (x === -Infinity) return '{"float":"-inf"}';
    if (isInteger(x) && x >= -EXACT && x <= EXACT) return x.toFixed(0);
    const digits = String(x);
    return /[.e]/.test(digits) ? digits : digits + ".0";
  }

  function encodeBig(x) {
    if (x >= -9007199254740992n && x <= 9007199254740992n) return x.toString();
    return `{"int":"${x < 0n ? "-" : ""}0x${(x < 0n ? -x : x).toString(16)}"}`;
  }

  function encode(value, left, above) {
    if (--left.nodes < 0) throw new TooLarge();
    switch (typeof value) {
      case "boolean": return value ? "true" : "false";
      case "number": return encodeNumber(value);
      case "bigint": return encodeBig(value);
      case "string": return text(value);
      case "undefined": return "null";
      case "function": case "symbol": return `{"opaque":"${typeof value}"}`;
    }
    if (value === null) return "null";
    const level = above.lastIndexOf(value);
    if (level >= 0) return `{"cycle":${above.length - level}}`;
    if (above.length >= MAX_DEPTH) throw new TooLarge();
    above.push(value);
    const made = encodeObject(value, left, above);
    above.pop();
    return made;
  }

  function encodeObject(value, left, above) {
    const all = items => {
      const parts = [];
      for (const item of items) parts.push(encode(item, left, above));
      return "[" + parts.join(",") + "]";
    };
    if (isArray(value)) return all(value);
    if (value instanceof Set) return `{"set":${all(value)}}`;
    if (value instanceof Map) return `{"dict":${"[" + [...value].map(all).join(",") + "]"}}`;
    if (value instanceof Uint8Array) return `{"bytes":"${Buffer.from(value).toString("hex")}"}`;
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return all(value);
    if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return encode(value.valueOf(), left, above);
    }
    const kind = value[Symbol.toStringTag];
    if (LAZY.has(kind)) return `{"lazy":[${text(kind.toLowerCase().replace(" ", "_"))},${all(value)}]}`;
    const above1 = prototypeOf(value), pairs = ownKeys(value).map(key => [key, value[key]]);
    if (above1 === null || above1 === Object.prototype) return `{"dict":[${pairs.map(all).join(",")}]}`;
    const name = above1.constructor && above1.constructor.name || "Object";
    return `{"record":[${text(String(name).slice(0, 100))},[${pairs.map(all).join(",")}]]}`;
  }

  function nameOf(error) {
    if (error instanceof RangeError && /call stack/.test(error.message)) return "RangeError";
    const later = error instanceof TypeError && LATER.exec(error.message);
    if (later) return "ModuleNotFoundError." + later[1];
    const missing = error instanceof Error && /MODULE_NOT_FOUND/.test(error.code) &&
      /Cannot find (?:module|package) '((?:@[^'\/]+\/)?[^'.\/][^'\/]*)/.exec(error.message);
    if (missing) return "ModuleNotFoundError." + missing[1].replace(/[^\w-]/g, "_");
    if (error instanceof Error) return String(error.name || error.constructor.name);
    return error === null || error === undefined ? "undefined" : typeof error;
  }

  function pick(exported) {
    if (!exported) return undefined;
    if (typeof exported === "function" && (exported.name === NAME || !exported.prototype)) return exported;
    if (typeof exported[NAME] === "function") return exported[NAME];
    return exported.default ? pick(exported.default) : undefined;
  }

  // A name of the solution's own scope, else a method of the class, by default Solution.
  const LOOK = `typeof ${NAME} === "function" ? ${NAME} : typeof ${OWNER} === "function" && ` +
    `typeof ${OWNER}.prototype?.${NAME} === "function" ? (...a) => new ${OWNER}().${NAME}(...a) : ` +
    `typeof ${OWNER} === "function" && typeof ${OWNER}.${NAME} === "function" ? (...a) => ${OWNER}.${NAME}(...a) : undefined`;

  async function load() {
    globalThis.pairsmithRequire = Module.createRequire(path.join(FOLDER, "solution.js"));
    const source = fs.readFileSync(path.join(FOLDER, "solution.js"), "utf8");
    if (fs.existsSync(path.join(FOLDER, "is_module"))) {
      const file = path.join(FOLDER, "solution.mjs");
      fs.writeFileSync(file, source + `\n;export const pairsmith_entry = ${LOOK};\n`);
      const loaded = await import(url.pathToFileURL(file).href);
      return loaded.pairsmith_entry || pick(loaded);
    }
    const module = new Module(path.join(FOLDER, "solution.js"), null);
    module.filename = module.id;
    module.paths = Module._nodeModulePaths(FOLDER);
    let found;
    const tail = `\n;try { module.pairsmithEntry(${LOOK}); } catch (_) { module.pairsmithEntry(undefined); }`;
    module.pairsmithEntry = entry => { found = entry; };
    module._compile(source + tail, module.filename);
    return found || pick(module.exports);
  }

  // Tests have passed when Node would end with 0: nothing that they left behind, such as a promise, has yet to run.
  const ended = () => new Promise(resolve => process.once("beforeExit", () => setImmediate(resolve)));

  // What tests share with the solution: it must not replace their assertions, nor hear of a failed one in their place.
  function guardTests() {
    const assert = require("assert");
    [assert, assert.strict].forEach(Object.freeze);
    for (const name of ["then", "catch", "finally"]) {
      Object.defineProperty(Promise.prototype, name, {writable: false, configurable: false});
    }
    const isFailed = error => Boolean(error) && error.code === "ERR_ASSERTION";
    process.on("uncaughtExceptionMonitor", error => { if (isFailed(error)) exit(1); });
    process.on("unhandledRejection", error => {
      if (isFailed(error) || process.listenerCount("unhandledRejection") === 1) exit(1);
    });
  }

  // Promises that the tests made and that have not settled: what would have come behind them was never tested.
  function watchPromises() {
    const source = fs.readFileSync(path.join(FOLDER, "solution.js"), "utf8");
    const first = source.slice(0, source.lastIndexOf("function pairsmith_tests(")).split("\n").length;
    const pending = new Set(), inSolution = /solution\.m?js:(\d+):/;
    const isOfTests = () => {
      const limit = Error.stackTraceLimit;
      Error.stackTraceLimit = 6;
      const frames = String(new Error().stack).split("\n").slice(3);  // behind the message, this function and init
      Error.stackTraceLimit = limit;
      const place = inSolution.exec(frames.find(frame => !/^ *at Promise\.\w+ \(<anonymous>\)/.test(frame)));
      return place !== null && Number(place[1]) >= first;
    };
    require("v8").promiseHooks.createHook({
      init: promise => { if (isOfTests()) pending.add(promise); },
      settled: promise => pending.delete(promise),
    });
    return pending;
  }

  async function serve() {
    let [nonce] = readLine().split(" ");
    const exitTests = (code = process.exitCode) => {
      if (!Number(code)) writeLine(`${nonce} Vnull`);
      exit(code);
    };
    let entry, pending;
    if (NAME === "pairsmith_tests") {
      guardTests();
      pending = watchPromises();
    }
    try {
      entry = await load();
    } catch (error) {
      writeLine(`${nonce} R${nameOf(error)}`);
      exit(0);
    }
    writeLine(`${nonce} ${typeof entry === "function" ? "L" : "M"}`);
    for (let line; (line = readLine()) !== null;) {
      const gap = line.indexOf(" ");
      nonce = line.slice(0, gap);
      let answer;
      try {
        const isTests = NAME === "pairsmith_tests";
        let value = entry(...(isTests ? [exitTests] : decode(parse(line.slice(gap + 1)))));
        if (value !== null && typeof value === "object" && typeof value.then === "function") value = await value;
        if (isTests) await ended();
        if (isTests && Number(process.exitCode)) exit(process.exitCode);
        answer = isTests && pending.size ? 'V"unsettled"' : "V" + encode(value, {nodes: MAX_NODES}, []);
      } catch (error) {
        answer = error instanceof TooLarge ? "T" : "R" + nameOf(error);
      }
      writeLine(`${nonce} ${answer}`);
    }
    exit(0);
  }
  serve();
})();
