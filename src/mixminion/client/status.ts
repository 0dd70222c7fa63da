// The status codes of the client API: the numbers of its C draft, and from 100 on those that the draft asks for without
// naming them.   spec: mixminion-client-api 1

export const Mix3Status = {
  OK: 0,
  NOMEM: 1,
  BADARGS: 2,
  BADFORMAT: 3,
  NOSPACE: 4,
  NEED_MORE_FRAGMENTS: 5,
  WANT_READ: 6,
  WANT_WRITE: 7,
  CLOSED: 8,
  BADSIGNATURE: 100,
  OVERCOMPRESSED: 101,
  UNDECODABLE: 102,
  NOPATH: 103,
  PATH_TOO_LONG: 104,
  UNSUPPORTED: 105,
  NOTFOUND: 106,
  REJECTED: 107,
  BADAUTH: 108,
  TIMEOUT: 109,
  NETWORK: 110,
  SURB_UNUSABLE: 111,
  BADPASSPHRASE: 112,
  BUSY: 113,
} as const;

export type Mix3Status = (typeof Mix3Status)[keyof typeof Mix3Status];

const TEXTS: Readonly<Record<Mix3Status, string>> = {
  [Mix3Status.OK]: 'success',
  [Mix3Status.NOMEM]: 'out of memory',
  [Mix3Status.BADARGS]: 'invalid arguments',
  [Mix3Status.BADFORMAT]: 'malformed input',
  [Mix3Status.NOSPACE]: 'longer than the limit that was given',
  [Mix3Status.NEED_MORE_FRAGMENTS]: 'more fragments are needed',
  [Mix3Status.WANT_READ]: 'would block on reading',
  [Mix3Status.WANT_WRITE]: 'would block on writing',
  [Mix3Status.CLOSED]: 'connection closed',
  [Mix3Status.BADSIGNATURE]: 'wrong digest or signature',
  [Mix3Status.OVERCOMPRESSED]: 'the message inflates beyond its limit',
  [Mix3Status.UNDECODABLE]: 'no key fits',
  [Mix3Status.NOPATH]: 'no path satisfies the specifier',
  [Mix3Status.PATH_TOO_LONG]: 'the path does not fit into a header',
  [Mix3Status.UNSUPPORTED]: 'not supported',
  [Mix3Status.NOTFOUND]: 'not found',
  [Mix3Status.REJECTED]: 'the server rejects the packet',
  [Mix3Status.BADAUTH]: 'not the server that was meant',
  [Mix3Status.TIMEOUT]: 'too slow',
  [Mix3Status.NETWORK]: 'no connection',
  [Mix3Status.SURB_UNUSABLE]: 'no usable reply block',
  [Mix3Status.BADPASSPHRASE]: 'wrong passphrase',
  [Mix3Status.BUSY]: 'another process is at work here',
};

const NAMES = new Map<number, string>(Object.entries(Mix3Status).map(([name, status]) => [status, `MIX3_${name}`]));

/** A few words of English for a status (`mix3_status_string`); `unknown status` for any other number. */
export function statusString(status: Mix3Status): string {
  return TEXTS[status] ?? 'unknown status';
}

/** `MIX3_BADARGS` and the like. */
export function statusName(status: Mix3Status): string {
  return NAMES.get(status) ?? 'MIX3_UNKNOWN';
}
