// The same work on many things, some of them at a time.

/**
 * What `work` gives for each item, in their order; it is begun for at most `limit` at once. The first failure begins nothing more and
 * is thrown when all that was under way has ended.
 */
export async function sideBySide<T, R>(items: Iterable<T>, limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  const under = new Set<Promise<void>>();
  const begin = async (item: T, place: number) => {
    try {
      results[place] = await work(item);
    } catch (error) {
      failures.push(error);
    }
  };
  let place = 0;
  for (const item of items) {
    const one: Promise<void> = begin(item, place).finally(() => under.delete(one));
    under.add(one);
    place += 1;
    while (under.size >= limit) await Promise.race(under);
    if (failures.length > 0) break;
  }
  await Promise.all(under);
  if (failures.length > 0) throw failures[0];
  return results;
}
