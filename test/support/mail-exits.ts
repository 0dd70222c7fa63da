// What the exits of a test network deliver, put into mailboxes as armoured text: the messages of long ones together when
// they are complete, each reply and each client-side fragment as it comes.

import { primitives } from '../../src/mixminion/client/index.ts';

export interface MailExits {
  /** The mails of an address, `user@host` or the name of an mbox. */
  mails(address: string): readonly string[];
  /** The decoding handles of all that came with one, in hex, in order. */
  readonly handles: readonly string[];
  deliver(delivered: primitives.Delivered, address: string): Promise<void>;
}

export function mailExits(): MailExits {
  const boxes = new Map<string, string[]>();
  const parts = new Map<string, primitives.Payload[]>();
  const handles: string[] = [];
  const put = (address: string, delivery: primitives.Delivery, tag?: Buffer) => {
    const message = primitives.deliveredMessage(delivery, tag);
    if (message === undefined) return;
    boxes.set(address, [...(boxes.get(address) ?? []), primitives.writeMessage(message).toString('latin1')]);
  };
  return {
    handles,
    mails: (address) => boxes.get(address) ?? [],
    async deliver(delivered, address) {
      const { routingType, payload } = delivered;
      if (routingType === primitives.RoutingType.DROP) return;
      if (routingType !== primitives.RoutingType.FRAGMENT) {
        const { tag } = primitives.splitExitInfo(delivered);
        const delivery = primitives.classifyPayload(payload);
        if (delivery.kind === 'encrypted') handles.push(tag.toString('hex'));
        return put(address, delivery, tag);
      }
      const fragment = primitives.parsePayload(payload);
      if (fragment.kind !== 'fragment') throw new Error('this is no fragment');
      const id = fragment.messageId.toString('hex');
      const known = [...(parts.get(id) ?? []), fragment];
      parts.set(id, known);
      const whole = assembled(known);
      if (whole === undefined) return;
      parts.set(id, []); // later fragments are too few to complete it again
      const { info, compressed } = primitives.parseExitPrefix(whole);
      put(Buffer.from(info).toString(), primitives.classifyReassembled(compressed));
    },
  };
}

function assembled(parts: readonly primitives.Payload[]): Buffer | undefined {
  try {
    return primitives.assembleFragments(parts.filter((part) => part.kind === 'fragment'));
  } catch (error) {
    if (error instanceof primitives.NeedMoreFragmentsError) return undefined;
    throw error;
  }
}
