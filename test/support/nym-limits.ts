// What nymservers under test allow.

import { DAY } from '../../src/base/time.ts';
import type { Limits } from '../../src/nym/server/desk.ts';

export const DOMAIN = 'nym.test';

export const LIMITS: Limits = {
  quota: { bytes: 1024 * 1024, messages: 1000 },
  mailSize: 512 * 1024,
  newNymsPerDay: 100,
  relaysPerDay: 50,
  recipientsPerDay: 100,
  approval: false,
  reservation: 7 * DAY,
};
