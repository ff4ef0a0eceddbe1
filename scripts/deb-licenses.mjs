// Prints the licences of what the package bundles: every module that the program depends on, and Node. Usage: deb-licenses.mjs DIRECTORY-OF-NODE
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [nodeDirectory] = process.argv.slice(2);
const read = path => JSON.parse(readFileSync(path, 'utf8'));

/** Where Node finds a module that one in `from` asks for; undefined for an optional one of another system. */
function find(name, from) {
  for (let at = from; ; at = join(at, '..')) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (at === process.cwd()) return undefined;
  }
}

/** Every module below the dependencies of the program, by its directory. */
function modules() {
  const found = new Map();
  const visit = directory => {
    const { dependencies = {}, optionalDependencies = {} } = read(join(directory, 'package.json'));
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const module = find(name, directory);
      if (module === undefined || found.has(module)) continue;
      found.set(module, read(join(module, 'package.json')));
      visit(module);
    }
  };
  visit(process.cwd());
  return [...found].sort(([, a], [, b]) => (a.name < b.name ? -1 : 1));
}

function licenseText(directory) {
  const names = readdirSync(directory).filter(name => /^(licen[cs]e|copying|notice)/i.test(name));
  return names.sort().map(name => readFileSync(join(directory, name), 'utf8').trim());
}

/** Apache-2.0's text is on every Debian system, and is named instead of repeated. */
function shortened(text) {
  return /Apache License\s+Version 2\.0/.test(text.slice(0, 400))
    ? 'Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0'
    : text;
}

for (const [directory, { name, version, license }] of modules()) {
  const texts = licenseText(directory).map(shortened);
  console.log(`\n${'-'.repeat(80)}\n${name} ${version}: ${license ?? 'see below'}\n`);
  for (const text of texts) console.log(`${text}\n`);
}
console.log(`\n${'-'.repeat(80)}\nNode.js ${read(join(nodeDirectory, 'package.json')).version}\n`);
console.log(readFileSync(join(nodeDirectory, 'LICENSE'), 'utf8').trim());
