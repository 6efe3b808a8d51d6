// Prints `tests: N passed, N failed, N skipped` from vitest's JSON report; fails where tests failed or none ran.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests = 0, testResults = [] } = report;
// A file that cannot even be loaded has no tests to count, and is a failure all the same.
const broken = testResults.filter(({ status, assertionResults }) => status === "failed" && !assertionResults.length);
for (const { name } of broken) console.error(`could not be run: ${name}`);
const failed = numFailedTests + broken.length;
process.exitCode = failed || !numPassedTests ? 1 : 0;
console.log(`tests: ${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`);
