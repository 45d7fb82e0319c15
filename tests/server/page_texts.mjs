// All that the page says, it says in each of its languages. usage: node page_texts.mjs WEB-FOLDER
import assert from 'node:assert';
import { readFileSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];
Object.defineProperty(globalThis, 'location', { value: { search: '' } });
Object.defineProperty(globalThis, 'navigator', { value: { languages: ['en'] }, configurable: true });
const { texts } = await import(pathToFileURL(`${folder}/strings.js`));

const known = Object.keys(texts.en);
const fillings = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
for (const [language, its] of Object.entries(texts)) {
  assert.deepEqual(Object.keys(its).sort(), [...known].sort(), language);
  for (const id of known) assert.deepEqual(fillings(its[id]), fillings(texts.en[id]), `${language}: ${id}`);
}

// What is said of a name that the server gives: each of its names has a text, and each text a name.
const source = (file) => readFileSync(`${folder}/../${file}`, 'utf8');
const names = (file, array) => [...new RegExp(`${array}\\s*=\\s*\\{([^}]*)\\}`).exec(source(file))[1].matchAll(/"([\w-]+)"/g)].map(([, name]) => name);
const named = {
  'job.': [...names('src/fleet/job.cpp', 'kKindNames').filter((kind) => kind !== 'slice'), ...names('src/fleet/record.cpp', 'kStateNames')],
  'layout.': names('src/fleet/job.cpp', 'kLayouts'),
  'pull.': [...JSON.parse(source('web/openapi.json')).components.schemas.Pull.properties.state.enum, 'ending'],
};
for (const [prefix, all] of Object.entries(named))
  assert.deepEqual(known.filter((id) => id.startsWith(prefix)).sort(), all.map((name) => prefix + name).sort());

let used = 0;
for (const file of readdirSync(folder).filter((name) => /\.(js|html)$/.test(name) && name !== 'strings.js')) {
  const source = readFileSync(`${folder}/${file}`, 'utf8');
  for (const [, ...found] of source.matchAll(/\bt\('([\w.]+)'|data-t(?:-\w+)?="([\w.]+)"/g)) {
    const id = found.find(Boolean);
    assert.ok(known.includes(id), `${file}: ${id}`);
    used += 1;
  }
  // What is said in no language but English: words put into the page as they stand in a script.
  const literal = /(?:textContent|ariaLabel|placeholder)\s*[:=]\s*['`][A-Z][a-z].*|'aria-label', ['`][A-Z][a-z].*|\bError\(['`][A-Z][a-z].*/.exec(source);
  assert.equal(literal?.[0], undefined, file);
}
assert.ok(used > 150, `only ${used} texts were found to be used`);
console.log(`${known.length} texts in ${Object.keys(texts).length} languages`);
