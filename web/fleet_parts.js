// Recordings of the fleet that are one: of one key, on whichever nodes, at one time.
const FOLLOWS = 60_000; // ms: as the fleet itself counts them together

const began = ({ from }) => (from ? Date.parse(from) : 0);
const ended = ({ until, state }) => (until && state === 'stored' ? Date.parse(until) : Infinity);

/** The recordings, in groups of those that are one, by when they began. A recording without a key is alone. */
export function groupsOf(recordings) {
  const groups = [];
  const of = new Map(); // keys: the last group of each, and when that ends
  for (const one of recordings.toSorted((a, b) => began(a) - began(b))) {
    const last = one.key ? of.get(one.key) : undefined;
    if (last && began(one) <= last.until + FOLLOWS) {
      last.group.push(one);
      last.until = Math.max(last.until, ended(one));
    } else {
      const group = [one];
      groups.push(group);
      if (one.key) of.set(one.key, { group, until: ended(one) });
    }
  }
  return groups;
}
