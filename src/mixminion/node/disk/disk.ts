// The few things that a node's files must do, so that a simulation can keep them in memory and lose what was not synced.

export interface Disk {
  /** Names of the files, in no order. */
  list(): Promise<string[]>;
  /** Opens a file for reading and writing, making it when it is not there. Its name is durable when this resolves. */
  open(name: string): Promise<DiskFile>;
  /** Removes a file that nobody has open. */
  remove(name: string): Promise<void>;
}

export interface DiskFile {
  readonly size: number;
  /** Writes at the end, in one go. Not durable before `sync`. */
  append(parts: readonly Uint8Array[]): Promise<void>;
  /** Octets that were written before; fewer than `length` at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** The same at once, into `target`: for small pieces that the system most likely holds in memory. Gives the count. */
  readNow(target: Uint8Array, position: number): number;
  /** Writes small pieces at once. Not durable before `sync`. */
  writeNow(octets: Uint8Array, position: number): void;
  /** Everything written before the call is durable when it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
