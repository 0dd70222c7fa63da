// Lines out of a stream of octets, as soon as each is complete. What a line has beyond a limit is dropped.

const LF = 0x0a;

/** Without their LF; a last line without one counts too. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Buffer, void, void> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = rest.indexOf(LF); at >= 0; at = rest.indexOf(LF)) {
      yield kept(held, rest.subarray(0, at), limit);
      held = Buffer.alloc(0);
      rest = rest.subarray(at + 1);
    }
    held = kept(held, rest, limit);
  }
  if (held.length > 0) yield held;
}

/** Copies, as chunks are the stream's. */
function kept(held: Buffer, more: Buffer, limit: number): Buffer {
  return Buffer.concat([held, more.subarray(0, Math.max(0, limit - held.length))]);
}
