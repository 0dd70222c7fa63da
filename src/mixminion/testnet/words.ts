// What happens in a test network, for people to read.

import { MINUTE, SECOND } from '../../base/time.ts';
import type { StoryEvent } from './story.ts';

const SHOWN = 60;

const TASKS = {
  relay: 'passes it on',
  crossover: 'puts the second half of the path in front',
  deliver: 'delivers it',
} as const;

/** One line, or a few, for a reader. `speed` is how many times as fast as the machine's the network's time runs. */
export function inWords(event: StoryEvent, speed: number): string {
  switch (event.event) {
    case 'act':
      return `\n${event.title}`;
    case 'way':
      return `\n  ${event.from} → ${event.legs.map((leg) => leg.join(' → ')).join(' ⇒ ')} → ${event.to}\n`;
    case 'hop': {
      const { place, remailer, digest, task, after } = event;
      return `  ${timeOf(after, speed)}  hop ${place}: ${remailer.padEnd(8)} has ${digest.slice(0, 12)}…, keeps it until it mixes, ${TASKS[task]}`;
    }
    case 'sent':
      return `  ${event.octets} octets in ${event.packets === 1 ? 'one packet' : `${event.packets} packets`} of 32 KiB`;
    case 'arrived':
      return `  ${timeOf(event.after, speed)}  in the mailbox of ${event.user}: ${event.octets} octets`;
    case 'read': {
      const text = event.text.trim();
      const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} octets, all as they were)` : text;
      return `  ${event.user} reads: ${shown}`;
    }
  }
}

/** Times of the network, and of the machine in brackets. */
function timeOf(after: number, speed: number): string {
  const minutes = (after / MINUTE).toFixed(1).padStart(5);
  return `${minutes} min (${(after / speed / SECOND).toFixed(1)} s)`;
}
