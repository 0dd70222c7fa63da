// The threads that stay: the writer, which commits in groups, and the readers.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { toFailure } from './failure.ts';
import { groups } from './group.ts';
import { type Call, type Operation, READY, type Reply } from './link.ts';
import { openReads } from './reads.ts';
import { FOLD, fold } from './sweep.ts';
import { type Drawn, openWrites } from './writes.ts';

export type WorkerTask = { readonly file: string } & (
  | { readonly role: 'reader' }
  | ({ readonly role: 'writer' } & Drawn)
);

/** At most so many calls share a transaction, so that its replies do not wait for ever. */
const MAX_GROUP = 1024;

const CLOSE = 'close';
type Mail = readonly Call[] | typeof CLOSE;

if (parentPort === null) throw new Error('worker.ts runs in a worker thread only');
const port = parentPort;

function post(replies: readonly Reply[]): void {
  const octets = replies.flatMap(([, value]) => (value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []));
  port.postMessage(replies, octets);
}

/** Everything that has arrived while the last group was committed. */
function* waiting(first: Mail): Generator<Mail> {
  yield first;
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) yield next.message as Mail;
}

function serveWrites(file: string, drawn: Drawn): void {
  const { db, operations, close } = openWrites(file, drawn);
  const commit = groups(db, operations);
  const run = (calls: readonly Call[]): void => {
    const replies = commit(calls);
    if (calls.some(([, operation]) => operation === FOLD)) fold(db);
    post(replies);
  };
  port.on('message', (first: Mail) => {
    let group: Call[] = [];
    for (const mail of waiting(first)) {
      if (mail === CLOSE) {
        if (group.length > 0) run(group);
        close();
        port.close();
        return;
      }
      group.push(...mail);
      if (group.length >= MAX_GROUP) {
        run(group);
        group = [];
      }
    }
    if (group.length > 0) run(group);
  });
}

/** The file is opened at the first question: by then the writer, which starts beside this thread, has made it. */
function serveReads(file: string): void {
  let reads: ReturnType<typeof openReads> | undefined;
  const answer = ([ticket, query, args]: Call): Reply => {
    try {
      reads ??= openReads(file);
      const operations: Readonly<Record<string, Operation>> = reads.operations;
      return [ticket, operations[query]?.(...args)];
    } catch (error) {
      return [ticket, undefined, toFailure(error)];
    }
  };
  port.on('message', (mail: Mail) => {
    if (mail === CLOSE) {
      reads?.close();
      port.close();
      return;
    }
    for (const call of mail) post([answer(call)]);
  });
}

const task = workerData as WorkerTask;
try {
  if (task.role === 'writer') serveWrites(task.file, task);
  else serveReads(task.file);
  post([[READY, undefined]]);
} catch (error) {
  post([[READY, undefined, toFailure(error)]]);
  port.close();
}
