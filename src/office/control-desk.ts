// Where an operator's questions are answered, in an office that runs and in one that is closed.

import { z } from 'zod';
import { nearest } from '../base/text.ts';
import type { Controls, Desk } from '../post/control.ts';
import { Pins } from '../post/pins.ts';
import type { Post } from '../post/post.ts';
import { OfficeError } from './errors.ts';
import { cancelKey, type KeyRollPlace, planKey, showKeys, switchKey } from './key-roll.ts';

export interface Question {
  /** A counter's name, or `office`. */
  readonly counter: string;
  /** `account.add` */
  readonly name: string;
  readonly argument: unknown;
}

export interface AskedCounter {
  readonly controls: Controls<unknown>;
  readonly desk: Desk<unknown>;
}

/** Throws OfficeError `control` or `counter`, and whatever the counter says of it. */
export async function answerQuestion(
  { counter, name, argument }: Question,
  post: Post,
  keys: KeyRollPlace,
  find: (counter: string) => Promise<AskedCounter | undefined>,
): Promise<unknown> {
  if (counter === 'office') return answerForOffice(name, argument, post, keys);
  const asked = await find(counter);
  if (asked === undefined) {
    throw new OfficeError('counter', `the counter ${counter} is not open here`, {
      remedy: 'does office.counters in the configuration name it?',
    });
  }
  const control = asked.controls[name];
  if (control === undefined) {
    const near = nearest(name, Object.keys(asked.controls));
    throw new OfficeError('control', `${counter} does not know the command ${name}`, {
      remedy:
        near === undefined
          ? 'some can be asked only while the office is open, and what they are about is switched on in its configuration'
          : `did you mean ${near}?`,
    });
  }
  return control.run(asked.desk, checked(control.argument, argument));
}

const ofPins = z.strictObject({ counter: z.string(), domain: z.string().max(253) });

function answerForOffice(name: string, argument: unknown, post: Post, keys: KeyRollPlace): Promise<unknown> {
  switch (name) {
    case 'pins.list': {
      const { counter } = checked(z.strictObject({ counter: z.string() }), argument);
      return new Pins(post, counter).list();
    }
    case 'pins.accept': {
      const { counter, domain } = checked(ofPins, argument);
      return new Pins(post, counter).accept(domain);
    }
    case 'pins.forget': {
      const { counter, domain } = checked(ofPins, argument);
      return new Pins(post, counter).forget(domain);
    }
    case 'key.show':
      return showKeys(keys);
    case 'key.plan':
      return planKey(keys);
    case 'key.switch':
      return switchKey(keys, checked(z.strictObject({ now: z.boolean() }), argument).now);
    case 'key.cancel':
      return cancelKey(keys);
    default:
      throw new OfficeError('control', `the office does not know the command ${name}`);
  }
}

function checked<T>(schema: z.ZodType<T>, argument: unknown): T {
  const result = schema.safeParse(argument);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new OfficeError('control', `${issue?.path.join('.') || 'the command'}: ${issue?.message ?? 'not understood'}`);
}
