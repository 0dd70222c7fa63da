import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { newPasswordFor, passwordOf } from './password.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const ways = [
  ['the password that is', 'POSTERN_PASSWORD', passwordOf],
  ['a new password', 'POSTERN_NEW_PASSWORD', newPasswordFor],
] as const;

test.each(ways)('%s comes from a file, else from %s', async (_what, variable, ask) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-password-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, ' correct horse \r\n');
  vi.stubEnv(variable, 'from outside');
  expect(await ask('alice', { passwordFile })).toBe(' correct horse ');
  expect(await ask('alice', {})).toBe('from outside');
  await expect(ask('alice', { passwordFile: folder })).rejects.toMatchObject({ code: 'usage' });
});

test.each(ways)('%s cannot be asked for without a terminal', async (_what, variable, ask) => {
  vi.stubEnv(variable, undefined);
  const remedy = expect.stringContaining(variable);
  await expect(ask('alice', {})).rejects.toMatchObject({ code: 'usage', remedy });
});
