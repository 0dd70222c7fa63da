// Who wants to know when a mailbox changes.

export class Watchers {
  readonly #byMailbox = new Map<string, Set<() => void>>();

  add(mailbox: string, wake: () => void): () => void {
    const own = () => wake(); // the same function may watch twice
    const watching = this.#byMailbox.get(mailbox) ?? new Set();
    this.#byMailbox.set(mailbox, watching.add(own));
    return () => {
      watching.delete(own);
      if (watching.size === 0 && this.#byMailbox.get(mailbox) === watching) this.#byMailbox.delete(mailbox);
    };
  }

  wake(mailbox: string): void {
    for (const wake of [...(this.#byMailbox.get(mailbox) ?? [])]) wake();
  }
}
