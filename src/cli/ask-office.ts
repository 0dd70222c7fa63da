// How a command of the operator asks an office, running or closed.

/** `argument` is what the counter's control takes. Rejects with PosternError, in words for the operator. */
export async function askOffice(data: string, counter: string, name: string, argument: unknown): Promise<unknown> {
  const [{ ask }, { dataFolderAt }, { counters }, { openSqliteStore }] = await Promise.all([
    import('../office/ask.ts'),
    import('../office/data-folder.ts'),
    import('../office/counters.ts'),
    import('../store/sqlite/open.ts'),
  ]);
  const openStore = (file: string) => openSqliteStore({ file });
  return ask({ folder: dataFolderAt(data), counters, openStore }, { counter, name, argument });
}
