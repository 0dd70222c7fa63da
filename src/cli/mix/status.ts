// The status stream for front-ends: one line for each thing that happened, on a descriptor that they hand over, in the
// old program's form or as JSON. New words and new values behind the old ones may come: readers skip what they do not know.
// spec: mixminion-server 9.2

import { writeSync } from 'node:fs';
import { codeOf } from '../../base/errors.ts';

/** What is told; the order of values is that of the old lines. */
export type StatusEvent =
  | { readonly status: 'COUNT_PACKETS'; readonly packets: number }
  | { readonly status: 'GENERATED_SURB'; readonly handle: string }
  | { readonly status: 'INSPECT_SURB'; readonly digest: string; readonly expires: number; readonly used: boolean }
  // From here on ours.
  | { readonly status: 'PACKETS_QUEUED'; readonly packets: number }
  | { readonly status: 'PACKETS_SENT'; readonly sent: number; readonly failed: number; readonly total: number }
  | { readonly status: 'MESSAGE_DECODED'; readonly kind: string; readonly octets: number }
  | { readonly status: 'FRAGMENT_STORED'; readonly id: string; readonly have: number; readonly need: number }
  | { readonly status: 'PING'; readonly server: string; readonly up: boolean };

export type Tell = (event: StatusEvent) => void;

/** The stream on a descriptor; without one nothing is told. */
export function statusStream(descriptor: number | undefined, asJson: boolean): Tell {
  if (descriptor === undefined) return () => {};
  return (event) => {
    try {
      writeSync(descriptor, `${asJson ? JSON.stringify(event) : lineOf(event)}\n`);
    } catch (error) {
      if (codeOf(error) !== 'EPIPE') throw error; // the front-end has gone; what was asked is done all the same
    }
  };
}

function lineOf(event: StatusEvent): string {
  const words = Object.values(event).map((value) => (typeof value === 'boolean' ? Number(value) : value));
  return `[MIXMINION:] ${words.join(' ')}`;
}
