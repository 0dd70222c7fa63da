// An operator's question to an office: to the one that runs, or, when none does, to the store of the closed one.

import type { Store } from '../store/store.ts';
import { closedPost } from './closed-post.ts';
import { readConfigFile } from './config-file.ts';
import { answerQuestion, type Question } from './control-desk.ts';
import { askSocket } from './control-socket.ts';
import { checkDataFolder, type DataFolder, folderOf } from './data-folder.ts';
import { type AnyCounter, settingsSchema } from './settings.ts';

export interface Asking {
  readonly folder: DataFolder;
  readonly counters: readonly AnyCounter[];
  openStore(file: string): Promise<Store>;
}

/** Throws what the office or the counter says: PosternError with words for the operator. */
export async function ask({ folder, counters, openStore }: Asking, question: Question): Promise<unknown> {
  await checkDataFolder(folder);
  const told = await askSocket(folder, question);
  if (told !== undefined) return told.answer;
  const { settings } = await readConfigFile(folder.config, settingsSchema(counters));
  const store = await openStore(folder.database);
  try {
    const post = closedPost(store);
    const find = async (name: string) => {
      const counter = counters.find((candidate) => candidate.name === name);
      if (counter === undefined) return undefined;
      const desk = { post, settings: settings.counters[name], folder: await folderOf(folder, name) };
      return { controls: counter.controls ?? {}, desk: { ...desk, hostname: settings.office.name } };
    };
    const keys = { folder, clock: post.clock, settings: () => settings, changed: async () => {} };
    return await answerQuestion(question, post, keys, find);
  } finally {
    await store.close();
  }
}
