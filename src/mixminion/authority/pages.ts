// What a directory server says over HTTP: its files, plain and compressed, and the form by which remailers send descriptors.
// Files are streamed from the disk, so that slow readers cost no memory.   spec: mixminion-directory 6

import type { FileHandle } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { type Clock, MINUTE } from '../../base/time.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { DayFile, Days } from './days.ts';
import type { Pages } from './http-port.ts';
import type { UploadAnswer } from './register.ts';

/** Octets of an upload: the longest descriptor, each octet of it written as three. */
const MAX_UPLOAD = 200 * 1024;
/** How long the list of all descriptors is good for. */
const RAW_AGE = MINUTE;
const MAX_MESSAGE = 300;

const FIXED_FILE = '/directory/Directory';
const FIXED_UPLOAD = '/minion-cgi/publish';

export interface PageParts {
  readonly days: Days;
  readonly clock: Clock;
  /** The path of the URL base, which ends in `/`; a proxy in front may have taken it away. */
  readonly base: string;
  /** Takes the text of a descriptor from a network address. */
  upload(text: string, from: string | undefined): Promise<UploadAnswer>;
  /** All live descriptors, one behind the other. */
  descriptors(): Promise<string>;
}

type PageContext = Context<{ Bindings: HttpBindings }>;

/** A file with what HTTP tells of it. */
interface Sent {
  readonly etag: string;
  readonly modified: number;
  /** Octets, where they are known. */
  readonly length?: number;
  readonly compressed: boolean;
  open(): ReadableStream;
  close?(): Promise<void>;
}

export function makePages(parts: PageParts): Pages {
  const { days, base } = parts;
  const pages: Pages = new Hono();
  const raw = rawServers(parts);
  const limit = bodyLimit({
    maxSize: MAX_UPLOAD,
    onError: (c) => say(c, refusal('That is too long for a descriptor.')),
  });
  for (const path of new Set([FIXED_UPLOAD, '/upload', `${base}upload`])) {
    pages.post(path, limit, async (c) => {
      const text = new URLSearchParams(await c.req.text()).get('desc');
      if (text === null) return say(c, refusal('The form has no field "desc".'));
      return say(c, await parts.upload(text, c.env.incoming.socket.remoteAddress));
    });
    pages.all(path, (c) => c.text('descriptors come here by POST\n', 405, { Allow: 'POST' }));
  }
  pages.get('*', async (c) => {
    const name = c.req.path.startsWith(base) ? c.req.path.slice(base.length) : c.req.path.slice(1);
    const wanted = c.req.path.startsWith(FIXED_FILE)
      ? /^(\.gz)?$/.exec(c.req.path.slice(FIXED_FILE.length)) && { day: days.current(), file: 'old' as const }
      : fileNamed(name, days);
    const compressed = c.req.path.endsWith('.gz');
    if (wanted === 'raw') return send(c, await raw(compressed), parts.clock);
    const found = wanted?.day === undefined ? undefined : await fromDisk(days, wanted.day, wanted.file, compressed);
    if (found === undefined) return c.text('there is no such file\n', 404);
    return send(c, found, parts.clock);
  });
  pages.all('*', (c) => c.text('only GET and HEAD\n', 405, { Allow: 'GET, HEAD' }));
  pages.onError((_, c) => c.text('this did not work; try again later\n', 500));
  return pages;
}

/** The file below the URL base that has this name.   spec: mixminion-directory 6.1 */
function fileNamed(name: string, days: Days): { day: number | undefined; file: DayFile } | 'raw' | undefined {
  const plain = name.replace(/\.gz$/, '');
  if (plain === 'current') return { day: days.current(), file: 'new' };
  if (plain === 'current-raw-servers') return 'raw';
  const [, date, vote] = /^(\d{4}-\d\d-\d\d)(-vote)?$/.exec(plain) ?? [];
  const day = Date.parse(date ?? '');
  return Number.isNaN(day) ? undefined : { day, file: vote === undefined ? 'new' : 'vote' };
}

async function fromDisk(days: Days, day: number, file: DayFile, compressed: boolean): Promise<Sent | undefined> {
  let handle: FileHandle;
  try {
    handle = await days.openFile(day, file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const { size, mtimeMs } = await handle.stat();
  return {
    etag: `"${size.toString(16)}-${Math.trunc(mtimeMs).toString(16)}${compressed ? '' : '-plain'}"`,
    modified: mtimeMs,
    ...(compressed ? { length: size } : {}),
    compressed,
    open() {
      const octets = handle.createReadStream();
      const sent = compressed ? octets : pipeline(octets, createGunzip(), () => {}); // ends both, whichever breaks
      return Readable.toWeb(sent) as ReadableStream;
    },
    close: () => handle.close(),
  };
}

/** All descriptors, made anew at most once a minute however many ask. */
function rawServers({ clock, descriptors }: PageParts): (compressed: boolean) => Promise<Sent> {
  let last: { at: number; made: Promise<{ text: Buffer; zipped: Buffer; tag: string }> } | undefined;
  const make = async () => {
    const text = Buffer.from(await descriptors(), 'latin1');
    return { text, zipped: await promisify(gzip)(text), tag: toHex(sha1(text)) };
  };
  return async (compressed) => {
    if (last === undefined || clock.now() - last.at >= RAW_AGE) last = { at: clock.now(), made: make() };
    const { at, made } = last;
    made.catch(() => {
      last = undefined;
    });
    const { text, zipped, tag } = await made;
    const octets = compressed ? zipped : text;
    return {
      etag: `"${tag}${compressed ? '' : '-plain'}"`,
      modified: at,
      length: octets.length,
      compressed,
      open: () => Readable.toWeb(Readable.from([octets], { objectMode: false })) as ReadableStream,
    };
  };
}

async function send(c: PageContext, file: Sent, clock: Clock): Promise<Response> {
  const headers = {
    ETag: file.etag,
    'Last-Modified': new Date(file.modified).toUTCString(),
    Date: new Date(clock.now()).toUTCString(), // readers compare their clocks with it
    'X-Content-Type-Options': 'nosniff',
  };
  const asked = c.req.header('if-none-match');
  const since = Date.parse(c.req.header('if-modified-since') ?? '');
  const same = asked === undefined ? Math.trunc(file.modified / 1000) * 1000 <= since : matches(asked, file.etag);
  if (same || c.req.method === 'HEAD') await file.close?.();
  if (same) return c.body(null, 304, headers);
  const all = {
    ...headers,
    'Content-Type': file.compressed ? 'application/gzip' : 'text/plain; charset=us-ascii',
    ...(file.length === undefined ? {} : { 'Content-Length': String(file.length) }),
  };
  return c.req.method === 'HEAD' ? c.body(null, 200, all) : c.body(file.open(), 200, all);
}

function matches(asked: string, etag: string): boolean {
  return asked.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

function refusal(message: string): UploadAnswer {
  return { status: 0, message };
}

/** Always status 200 and exactly this type: old remailers look at nothing but the two lines.   spec: mixminion-directory 6.2 */
function say(c: Context, { status, message }: UploadAnswer): Response {
  const line = message.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_MESSAGE);
  return c.body(`Status: ${status}\nMessage: ${line}\n`, 200, { 'Content-Type': 'text/plain' });
}
