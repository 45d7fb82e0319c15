// Which recordings the page shows as one. usage: node fleet_parts.mjs WEB-FOLDER
import assert from 'node:assert';
import { pathToFileURL } from 'node:url';

const { groupsOf } = await import(pathToFileURL(`${process.argv[2]}/fleet_parts.js`));

const at = (minute) => new Date(Date.UTC(2026, 10, 30, 10, minute)).toISOString();
const part = (id, key, from, until, state = 'stored') => ({ id, key, state, from: at(from), until: until === undefined ? undefined : at(until) });
const ids = (recordings) => groupsOf(recordings).map((group) => group.map(({ id }) => id).join('+')).sort();

assert.deepEqual(ids([]), []);
assert.deepEqual(ids([{ id: 'x', state: 'stored' }, { id: 'y', state: 'stored' }]), ['x', 'y']);
assert.deepEqual(ids([part('b', 'room', 5, 9), part('a', 'room', 0, 10), part('c', 'hall', 0, 10)]), ['a+b', 'c']);
assert.deepEqual(ids([part('a', 'room', 0, 10), part('b', 'room', 2, 3), part('c', 'room', 11, 12)]), ['a+b+c']);
assert.deepEqual(ids([part('a', 'room', 0, 10), part('b', 'room', 12, 13)]), ['a', 'b']);
assert.deepEqual(ids([part('a', 'room', 0, undefined, 'recording'), part('b', 'room', 30, 31)]), ['a+b']);
