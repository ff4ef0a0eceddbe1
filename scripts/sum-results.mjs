// Adds up the results of a folder and prints one line: N passed, N failed, N skipped. Exits 1 when anything failed.
//   node scripts/sum-results.mjs FOLDER [CODE]
// A suite leaves SUITE.json (vitest's JSON report, or only its counts) and, when it was run by vitest, SUITE.exit with the exit code. A file that failed
// outside its tests (its set-up, the leak check after it) counts as one failure, and so does a suite that ended with a code or without a report while no
// test failed: vitest's report does not know of unhandled errors. CODE is how everything ended, and is treated the same way.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory, code = '0'] = process.argv.slice(2);
const files = readdirSync(directory);
const suites = [
  ...new Set(files.filter(f => /\.(json|exit)$/.test(f)).map(f => f.replace(/\.(json|exit)$/, ''))),
].sort();
const total = { passed: 0, failed: 0, skipped: 0 };
for (const suite of suites) total.failed += sumSuite(suite);
if (code !== '0' && total.failed === 0) {
  total.failed = 1;
  console.log(`the run ended with exit code ${code}, and no suite says why`);
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);

/** Adds what passed and was skipped; returns the failures. */
function sumSuite(suite) {
  const exit = read(`${suite}.exit`)?.trim() ?? '0';
  const report = parse(read(`${suite}.json`));
  if (report === undefined) {
    console.log(`${suite}: it ended with exit code ${exit} and without a report`);
    return 1;
  }
  const results = report.testResults ?? [];
  total.passed += report.numPassedTests;
  total.skipped += (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0);
  let failed = report.numFailedTests;
  for (const file of results) {
    for (const test of file.assertionResults)
      if (test.status === 'failed') console.log(`${suite}: failed: ${test.fullName}`);
    if (file.status !== 'failed' || file.assertionResults.some(t => t.status === 'failed')) continue;
    failed += 1;
    console.log(`${suite}: ${file.name} failed outside its tests: ${(file.message ?? '').split('\n')[0]}`);
  }
  if (exit !== '0' && failed === 0) {
    failed = 1;
    console.log(`${suite}: every test passed, but it ended with exit code ${exit} (an unhandled error, see above)`);
  }
  return failed;
}

function read(file) {
  return files.includes(file) ? readFileSync(join(directory, file), 'utf8') : undefined;
}

/** Undefined when it was cut off. */
function parse(text) {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
