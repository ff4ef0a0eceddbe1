// Adds up vitest's JSON reports of a folder and prints one line: N passed, N failed. A file that failed outside its tests (its set-up, the leak
// check after it) counts as one failure. Exits 1 when anything failed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.argv[2];
let passed = 0;
let failed = 0;
for (const name of readdirSync(directory).filter(f => f.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(directory, name), 'utf8'));
  const suite = name.replace(/\.json$/, '');
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  for (const file of report.testResults) {
    if (file.status !== 'failed' || file.assertionResults.some(t => t.status === 'failed')) continue;
    failed += 1;
    console.log(`${suite}: ${file.name} failed outside its tests: ${(file.message ?? '').split('\n')[0]}`);
  }
  for (const file of report.testResults)
    for (const test of file.assertionResults)
      if (test.status === 'failed') console.log(`${suite}: failed: ${test.fullName}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
