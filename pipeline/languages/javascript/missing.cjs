"use strict";
// Loaded before a whole program: tells `pipeline.sandbox.inside.stdin` the package whose absence ends the program.
process.on("uncaughtExceptionMonitor", error => {
  const later = error instanceof TypeError &&
    /\.(toSorted|toReversed|toSpliced|groupBy|withResolvers|fromAsync|symmetricDifference|isSubsetOf|isSupersetOf|isDisjointFrom) is not a function/.exec(error.message);
  const missing = error instanceof Error && /MODULE_NOT_FOUND/.test(error.code) &&
    /Cannot find (?:module|package) '((?:@[^'\/]+\/)?[^'.\/][^'\/]*)/.exec(error.message);
  const name = (later || missing || [])[1];
  if (name) try { require("fs").writeSync(3, "ModuleNotFoundError." + name); } catch (_) { }
});
