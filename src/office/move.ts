// A counter's mailboxes out to files and in from files, while the office is closed.

import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { nearest } from '../base/text.ts';
import type { Store } from '../store/store.ts';
import { closedPost } from './closed-post.ts';
import { readConfigFile } from './config-file.ts';
import { checkDataFolder, type DataFolder, folderOf } from './data-folder.ts';
import { OfficeError } from './errors.ts';
import { type AnyCounter, settingsSchema } from './settings.ts';

export interface Move {
  readonly way: 'export' | 'import';
  /** The counter's name. */
  readonly counter: string;
  readonly files: string;
  readonly folder: DataFolder;
  readonly counters: readonly AnyCounter[];
  openStore(file: string): Promise<Store>;
  progress(moved: MoveReport): void;
}

export interface MoveReport {
  mailboxes: number;
  messages: number;
}

/** Throws OfficeError `counter` for one that has no files, StoreError `locked` while the office is open, and the counter's own errors. */
export async function move(order: Move): Promise<MoveReport> {
  const { folder, counters } = order;
  const counter = counters.find(({ name }) => name === order.counter);
  const movable = counters.filter(({ files }) => files !== undefined).map(({ name }) => name);
  const files = await counter?.files?.();
  if (counter === undefined || files === undefined) {
    const near = nearest(order.counter, movable);
    throw new OfficeError('counter', `there is no counter "${order.counter}" whose mailboxes can be files`, {
      remedy: near === undefined ? `there are: ${movable.join(', ')}` : `did you mean ${near}?`,
    });
  }
  await checkDataFolder(folder);
  const { settings } = await readConfigFile(folder.config, settingsSchema(counters));
  const store = await order.openStore(folder.database);
  try {
    const desk = {
      post: closedPost(store),
      settings: settings.counters[counter.name],
      folder: await folderOf(folder, counter.name),
      hostname: settings.office.name,
    };
    const report: MoveReport = { mailboxes: 0, messages: 0 };
    const count = (what: keyof MoveReport) => () => {
      report[what] += 1;
      order.progress(report);
    };
    const moved = { mailbox: count('mailboxes'), message: count('messages') };
    const place = resolve(order.files);
    if (order.way === 'export') {
      await mkdir(place, { recursive: true, mode: 0o700 });
      await files.export(desk, place, moved);
    } else {
      await files.import(desk, place, moved);
    }
    return report;
  } finally {
    await store.close();
  }
}
