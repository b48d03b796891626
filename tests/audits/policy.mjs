// Prints what csp_evaluator finds in the Content-Security-Policy given as the argument: severity (10 high to 100 none).
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { CspEvaluator } = require("csp_evaluator");
const { CspParser } = require("csp_evaluator/dist/parser.js");

const found = new CspEvaluator(new CspParser(process.argv[2]).csp).evaluate();
console.log(JSON.stringify(found.map(({ severity, directive, description }) => ({ severity, directive, description }))));
