// Makes a failing input smaller while it goes on failing: takes out ever smaller pieces, then writes `0` where it can.

const PLAIN = 0x30;
const MAX_TRIES = 4000;

/** The smallest input found for which `fails` still holds; it holds for `input`. Ends early when `enough` says so. */
export async function minimise(
  input: Buffer,
  fails: (candidate: Buffer) => Promise<boolean>,
  enough: () => boolean = () => false,
): Promise<Buffer> {
  let smallest = input;
  let tries = 0;
  const attempt = async (candidate: Buffer) => {
    if (enough() || tries >= MAX_TRIES) return false;
    tries += 1;
    if (!(await fails(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (let before: Buffer | undefined; before !== smallest; ) {
    before = smallest;
    for (let length = smallest.length; length >= 1; length = Math.floor(length / 2)) {
      for (let start = 0; start < smallest.length; ) {
        const without = Buffer.concat([smallest.subarray(0, start), smallest.subarray(start + length)]);
        if (!(await attempt(without))) start += length;
      }
    }
    for (let at = 0; at < smallest.length; at += 1) {
      if (smallest[at] === PLAIN) continue;
      const plainer = Buffer.from(smallest);
      plainer[at] = PLAIN;
      await attempt(plainer);
    }
  }
  return smallest;
}
