// What RSA alone allows: private operations a second of all cores together, each thread with a key of its own.

import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const BLOCK = 256;

/** RSA-2048 private operations a second, over about `ms` milliseconds on `threads` threads, and ms of processor time for each. */
export async function rawRsa(threads: number, ms: number): Promise<{ rate: number; cpu: number }> {
  const workers = Array.from({ length: threads }, () => new Worker(new URL(import.meta.url)));
  const ask = async (time: number) => {
    const counts = workers.map((worker) => new Promise<number>((resolve) => worker.once('message', resolve)));
    for (const worker of workers) worker.postMessage(time);
    return (await Promise.all(counts)).reduce((sum, rate) => sum + rate, 0);
  };
  await ask(100); // until all have their keys
  const before = process.cpuUsage();
  const rate = await ask(ms);
  const { user, system } = process.cpuUsage(before);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return { rate, cpu: (user + system) / rate / ms };
}

if (!isMainThread) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 8 * BLOCK });
  const key = { key: privateKey, padding: constants.RSA_NO_PADDING };
  const block = Buffer.concat([Buffer.alloc(1), Buffer.alloc(BLOCK - 1, 0x5a)]);
  parentPort?.on('message', (ms: number) => {
    const start = performance.now();
    let count = 0;
    for (; performance.now() - start < ms; count += 1) privateDecrypt(key, block);
    parentPort?.postMessage((1000 * count) / (performance.now() - start));
  });
}
