// A real XMPP server on loopback, with components for some domains.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface XmppServer extends AsyncDisposable {
  /** Where components connect. */
  readonly at: string;
  readonly secret: string;
}

export async function openProsody(components: readonly string[]): Promise<XmppServer> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-prosody-'));
  await mkdir(join(folder, 'data'));
  const port = await freePort();
  const secret = 'between us';
  const config = [
    'run_as_root = true',
    `data_path = "${join(folder, 'data')}"`,
    `pidfile = "${join(folder, 'pid')}"`,
    'modules_enabled = { "disco" }',
    'modules_disabled = { "s2s", "c2s", "posix", "tls", "saslauth", "offline" }',
    'log = { { levels = { min = "info" }, to = "console" } }',
    'component_interfaces = { "127.0.0.1" }',
    `component_ports = { ${port} }`,
    'VirtualHost "localhost"',
    ...components.map((name) => `Component "${name}"\n  component_secret = "${secret}"`),
  ];
  const file = join(folder, 'prosody.cfg.lua');
  await writeFile(file, `${config.join('\n')}\n`);
  const server = spawn('prosody', ['-F', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  await listening(server, port);
  return {
    at: `127.0.0.1:${port}`,
    secret,
    async [Symbol.asyncDispose]() {
      if (server.exitCode === null) {
        const gone = new Promise((resolve) => server.once('exit', resolve));
        server.kill();
        await gone;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listening(server: ChildProcess, port: number): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const hear = (text: Buffer) => {
      said += text.toString();
      if (said.includes(`:${port}`)) resolve();
    };
    server.stdout?.on('data', hear);
    server.stderr?.on('data', hear);
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`prosody did not start: ${said}`)));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
