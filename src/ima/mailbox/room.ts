// How much an inbox may hold, from what is set. Apart from the settings, so that a program that has no file of them need not load what
// reads one.

/** A quota of 0 is none. */
export function roomOf({ max_bytes, max_messages }: { readonly max_bytes: number; readonly max_messages: number }) {
  if (max_bytes === 0 && max_messages === 0) return undefined;
  return { bytes: max_bytes || Number.POSITIVE_INFINITY, messages: max_messages || Number.POSITIVE_INFINITY };
}
