// The way out for ordinary mail. One counter, the SMTP gateway, carries it; whoever has some (a nym, a translation, a notice)
// hands it over here.

import { PosternError } from '../base/errors.ts';

export interface Departure {
  /** The envelope's sender: notices of failure go there. Empty: nobody is to be told. */
  readonly from: string;
  /** The envelope's recipients, one or more. */
  readonly to: readonly string[];
  /** RFC 5322. Lines may end in LF or CR LF. */
  readonly message: Uint8Array;
  /** Two departures with the same key are one; without it each is its own. */
  readonly once?: string;
}

export interface MailCarrier {
  /** Resolves when the mail is durable in the carrier's hands. Throws PosternError `refused` when it will not carry it. */
  send(departure: Departure): Promise<void>;
}

export class OutgoingMail {
  #carrier: MailCarrier | undefined;

  /** Returns the end of it. */
  use(carrier: MailCarrier): () => void {
    this.#carrier = carrier;
    return () => {
      if (this.#carrier === carrier) this.#carrier = undefined;
    };
  }

  /** Whether anybody carries mail. */
  get open(): boolean {
    return this.#carrier !== undefined;
  }

  /** Resolves when the mail is durable. Throws PosternError `no-way-out` when nobody carries any, or `refused`. */
  async send(departure: Departure): Promise<void> {
    if (this.#carrier === undefined) {
      throw new PosternError('no-way-out', 'this office sends no ordinary mail', {
        remedy: 'open its SMTP counter: office.counters in the configuration',
      });
    }
    await this.#carrier.send(departure);
  }
}
