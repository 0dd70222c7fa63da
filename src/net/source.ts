// Who counts as one, where limits are for each source.

/** The name of a peer's source: its IPv4 address, or the /64 that an IPv6 user owns as a whole. */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return '';
  if (!address.includes(':') || address.startsWith('::ffff:')) return address.replace('::ffff:', '');
  const [head = '', tail = ''] = address.split('::');
  const groups = head.split(':');
  const missing = 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0')].slice(0, 4).join(':');
}
