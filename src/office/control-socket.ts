// The running office's ear for its operator: a Unix socket in the data folder, which only the folder's owner can reach. One
// question a connection, as a line of JSON, and one line of JSON in answer.

import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { codeOf, messageOf, PosternError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { MINUTE, SECOND } from '../base/time.ts';
import { Connection } from '../net/connection.ts';
import type { Question } from './control-desk.ts';
import type { DataFolder } from './data-folder.ts';
import { OfficeError } from './errors.ts';

const MAX_QUESTION = 4 * 1024 * 1024;
const MAX_ANSWER = 64 * 1024 * 1024;
/** What the system takes as the name of a socket, less one octet for its end. */
const MAX_PATH = 103;

type Answer = { readonly answer: unknown } | { readonly error: { code: string; message: string; remedy?: string } };

/** Answers questions until it is closed. An office whose folder has too long a name works, but cannot be asked. */
export async function openControlSocket(
  folder: DataFolder,
  answer: (question: Question) => Promise<unknown>,
  log: Log,
): Promise<{ close(): Promise<void> }> {
  if (Buffer.byteLength(folder.control) > MAX_PATH) {
    log.warn('control.path-too-long', { longest: MAX_PATH });
    return { close: async () => {} };
  }
  await rm(folder.control, { force: true }); // of an office that was killed: the store's lock says that none runs
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    void converse(new Connection(socket), answer);
  });
  await listen(server, folder.control);
  await chmod(folder.control, 0o600);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroySoon();
      await closed;
    },
  };
}

/** What a running office answers; undefined when none runs there. Throws the error that the office tells. */
export async function askSocket(folder: DataFolder, question: Question): Promise<{ answer: unknown } | undefined> {
  const socket = await reach(folder.control);
  if (socket === undefined) return undefined;
  const connection = new Connection(socket);
  try {
    await connection.write(`${JSON.stringify(question)}\n`);
    const line = await connection.line(MAX_ANSWER, 10 * MINUTE);
    if (line === undefined) throw new OfficeError('control', 'the office closed before it answered');
    const said = JSON.parse(line.toString()) as Answer;
    if ('answer' in said) return said;
    const { code, message, remedy } = said.error;
    throw new PosternError(code, message, remedy === undefined ? {} : { remedy });
  } finally {
    connection.destroy();
  }
}

async function converse(connection: Connection, answer: (question: Question) => Promise<unknown>): Promise<void> {
  try {
    const line = await connection.line(MAX_QUESTION, 30 * SECOND);
    if (line === undefined) return;
    await connection.write(`${JSON.stringify(await outcome(line, answer))}\n`);
    await connection.close();
  } catch {
    connection.destroy(); // whoever asked is gone
  }
}

async function outcome(line: Buffer, answer: (question: Question) => Promise<unknown>): Promise<Answer> {
  try {
    return { answer: (await answer(JSON.parse(line.toString()) as Question)) ?? null };
  } catch (error) {
    const remedy = error instanceof PosternError ? error.remedy : undefined;
    const code = String(codeOf(error) ?? 'failed');
    return { error: { code, message: messageOf(error), ...(remedy === undefined ? {} : { remedy }) } };
  }
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new OfficeError('control', `cannot listen on ${path}: ${messageOf(cause)}`, { cause }));
    });
    server.listen(path, resolve);
  });
}

async function reach(path: string): Promise<Socket | undefined> {
  if (Buffer.byteLength(path) > MAX_PATH) return undefined;
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) => {
      if (['ENOENT', 'ECONNREFUSED'].includes(codeOf(cause) ?? '')) resolve(undefined);
      else reject(new OfficeError('control', `the office cannot be asked: ${messageOf(cause)}`, { cause }));
    });
  });
}
