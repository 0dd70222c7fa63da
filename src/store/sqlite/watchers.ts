// Who wants to know when a mailbox, or a queue, changes.

export class Watchers {
  readonly #byName = new Map<string, Set<() => void>>();

  add(name: string, wake: () => void): () => void {
    const own = () => wake(); // the same function may watch twice
    const watching = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, watching.add(own));
    return () => {
      watching.delete(own);
      if (watching.size === 0 && this.#byName.get(name) === watching) this.#byName.delete(name);
    };
  }

  wake(name: string): void {
    for (const wake of [...(this.#byName.get(name) ?? [])]) wake();
  }
}
