// Defaults that a program knows by itself are those of its settings.   spec: ima 2.12

import { expect, test } from 'vitest';
import { programSettings } from '../settings.ts';
import { giveRecipient } from './give-recipient.ts';
import { makeImaMessage } from './make-ima-message.ts';

test.each([giveRecipient, makeImaMessage])('$name', ({ name, defaults }) => {
  expect(defaults).toEqual(programSettings[name].parse({}));
});
