// A small world for IMA: an authority, certificates of hosts under it, a receiving server on a port of its own, programs as processes.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { systemRandom } from '../../src/base/random.ts';
import { type Clock, systemClock } from '../../src/base/time.ts';
import { ImdpClient } from '../../src/ima/imdp/client.ts';
import { Receiver, type Receiving } from '../../src/ima/imdp/receiving.ts';
import type { Directions } from '../../src/ima/sending/places.ts';
import { type Issued, issue, makeRoot, type Request } from '../../src/ima/trust/authority.ts';
import { ASK_FOR_CERTIFICATE, dialIma, type OwnCertificate, type Trust } from '../../src/ima/trust/peer.ts';
import { certificatesIn, Roots } from '../../src/ima/trust/roots.ts';
import type { Connection } from '../../src/net/connection.ts';
import { Listener } from '../../src/net/listener.ts';
import { fixedResolver } from '../../src/net/resolver.ts';
import { readTlsIdentity } from '../../src/net/tls-identity.ts';

export const IMA_PROGRAM = join(import.meta.dirname, 'ima-program.ts');

export interface World extends AsyncDisposable {
  readonly folder: string;
  readonly root: Issued;
  readonly rootFile: string;
  readonly trust: Trust;
  /** The certificate of a host; made once unless `request` asks for another. */
  certificate(host: string, request?: Request): Promise<Issued>;
  /** The same as files, for a configuration. */
  files(host: string): Promise<{ readonly cert: string; readonly key: string }>;
}

export async function makeWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-ima-'));
  const making = { random: systemRandom, now: Date.now() };
  const root = await makeRoot('Test authority', making);
  const rootFile = join(folder, 'root.pem');
  await writeFile(rootFile, root.certificate);
  const known = new Map<string, Issued>();
  const certificate: World['certificate'] = async (host, request) => {
    const ordinary = { hosts: [host], purposes: ['serverAuth'] } as const;
    if (request) return issue(root, { ...ordinary, ...request }, making);
    const issued = known.get(host) ?? (await issue(root, ordinary, making));
    known.set(host, issued);
    return issued;
  };
  return {
    folder,
    root,
    rootFile,
    trust: { roots: new Roots(certificatesIn(root.certificate)), clientUse: 'any', pins: new Map() },
    certificate,
    async files(host) {
      const issued = await certificate(host);
      const [cert, key] = [join(folder, `${host}.crt`), join(folder, `${host}.key`)];
      await writeFile(cert, issued.certificate);
      await writeFile(key, issued.key, { mode: 0o600 });
      return { cert, key };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface TestReceiver extends AsyncDisposable {
  readonly port: number;
  /** What came of each message. */
  readonly outcomes: string[];
}

export async function openReceiver(
  world: World,
  host: string,
  receiving: Partial<Receiving> & Pick<Receiving, 'handle'>,
): Promise<TestReceiver> {
  const { certificate, key } = await world.certificate(host);
  const outcomes: string[] = [];
  const whole: Receiving = {
    ...{
      trust: world.trust,
      clock: systemClock,
      host,
      hostparts: [host],
      maxSize: 1024 * 1024,
      refused: [],
      folder: undefined,
    },
    count: (outcome) => void outcomes.push(outcome),
    ...receiving,
  };
  const receiver = new Receiver(() => whole);
  const listener = await Listener.open({
    at: { host: '127.0.0.1', port: 0 },
    identity: readTlsIdentity(certificate, key),
    limits: { connections: 50 },
    tls: ASK_FOR_CERTIFICATE,
    serve: (connection, socket) => receiver.serve(connection, socket),
  });
  return { port: listener.at.port, outcomes, [Symbol.asyncDispose]: () => listener.close(100) };
}

/** A connection to a server of `host` with the certificate of `as`. */
export async function connectAs(
  world: World,
  {
    host,
    port,
    as,
    own,
    clock = systemClock,
  }: { host: string; port: number; as: string; own?: OwnCertificate; clock?: Clock },
): Promise<Connection> {
  return dialIma({
    to: { host: '127.0.0.1', port },
    host,
    trust: world.trust,
    own: own ?? (await world.certificate(as)),
    clock,
  });
}

export async function clientAs(world: World, options: Parameters<typeof connectAs>[1]): Promise<ImdpClient> {
  return new ImdpClient(await connectAs(world, options));
}

/** Where hosts are, by the ports of their servers on this machine. */
export function directionsTo(ports: Readonly<Record<string, number>>): Directions {
  const fixed = new Map(Object.entries(ports).map(([host, port]) => [host, { host: '127.0.0.1', port }]));
  return { resolver: fixedResolver({}), random: systemRandom, fixed };
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one program to its end. */
export async function runImaProgram(
  name: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly input?: Uint8Array | string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [IMA_PROGRAM, name, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, ...options.env },
  });
  const ended = once(child, 'close');
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  return { code, out, err };
}

/** Starts a program that listens, and waits until it does. */
export async function startImaProgram(
  name: string,
  args: readonly string[],
  cwd: string,
): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [IMA_PROGRAM, name, ...args], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
    said += chunk;
    const port = /listening on \S+:(\d+)/.exec(said)?.[1];
    if (port === undefined) continue;
    child.stderr.resume();
    return { child, port: Number(port) };
  }
  throw new Error(`${name} did not start: ${said}`);
}

/** Paths of the messages in a folder, oldest first. */
export async function messagesIn(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'msg')).catch(() => []);
  return names.sort().map((name) => join(folder, 'msg', name));
}

/** All octets of a stored message, put together by hand as the layout says. */
export async function storedOctets(path: string): Promise<Buffer> {
  const names = await readdir(path);
  const parts = names
    .filter((name) => /^\d+\./.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const files = await Promise.all(['headers', ...parts].map((name) => readFile(join(path, name))));
  return Buffer.concat([files[0] ?? Buffer.alloc(0), Buffer.from('\n'), ...files.slice(1)]);
}
