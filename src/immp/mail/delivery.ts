// A message on its way: what DELIVER, DATA and DONE have made of it, whoever it goes to.   spec: immp 2.8

import type { Imid } from '../wire/imid.ts';
import type { Envelope, Part } from './message.ts';

export interface Delivery {
  /** With its `+name`. */
  readonly to: Imid;
  /** As it was given; undefined: the sender is not named. */
  readonly from: string | undefined;
  /** The account of this office that sends it and hears of failures; undefined when it came from elsewhere. */
  readonly sender: string | undefined;
  /** The domain that vouches for the sender. */
  readonly origin: string;
  /** The message's UUID. */
  readonly id: string;
  /** What the sender says of it besides. */
  readonly said: Partial<Envelope>;
  readonly importance: 'important' | 'low' | undefined;
  readonly secure: boolean;
  readonly parts: readonly Part[];
  /** The domain whose server handed it over; undefined when one of our users did. */
  readonly peer?: string;
  /** The servers it went through, this one not. */
  readonly via: NonNullable<Envelope['received-via']>;
  /** Somebody here had it sent on: that is not done twice. */
  readonly forwarded?: boolean;
}
