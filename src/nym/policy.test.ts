import { expect, test } from 'vitest';
import { HOUR, MINUTE } from '../base/time.ts';
import { changePolicy, DEFAULT_POLICY, policyOptions } from './policy.ts';

const change = (option: string, value: string | Buffer) => changePolicy(DEFAULT_POLICY, option, Buffer.from(value));

// spec: mixminion-nym 2.9
test.each([
  ['SendMsgAfter', '0', { sendMsgAfter: 0 }],
  ['SendMsgAfter', '-1', { sendMsgAfter: Number.POSITIVE_INFINITY }],
  ['SendSummaryAfter', '61', { sendSummaryAfter: 90 * MINUTE }],
  ['EncryptSummaryAfter', '60', { encryptSummaryAfter: HOUR }],
  ['MaxSURBsPerDay', '7', { maxSurbsPerDay: 7 }],
  ['HoldSURBs', '0', { holdSurbs: 0 }],
  ['HoldUntilAck', 'Always', { holdUntilAck: 'always' }],
  ['ShutdownPhrase', 'x'.repeat(20), { shutdownPhrase: Buffer.from('x'.repeat(20)) }],
  ['ShutdownPhrase', '', { shutdownPhrase: undefined }],
  ['Filtering', 'discard;', { filtering: 'discard;' }],
])('%s = %j', (option, value, changed) => {
  expect(policyOptions).toContain(option);
  expect(change(option, value)).toEqual({ ...DEFAULT_POLICY, ...changed });
});

test.each([
  ['sendmsgafter', '1', 'policy'],
  ['toString', '1', 'policy'],
  ['SendMsgAfter', '1.5', 'policy'],
  ['SendMsgAfter', '9999999', 'policy'],
  ['MaxSURBsPerDay', '-1', 'policy'],
  ['HoldUntilAck', 'sometimes', 'policy'],
  ['ShutdownPhrase', 'short', 'policy'],
  ['Filtering', 'discard', 'filter'],
])('%s = %j is refused', (option, value, code) => {
  expect(() => change(option, value)).toThrow(expect.objectContaining({ code }));
});

test('a filter that is no UTF-8 is refused', () => {
  expect(() => change('Filtering', Buffer.of(0xff))).toThrow(expect.objectContaining({ code: 'message' }));
});
