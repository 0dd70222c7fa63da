// The memory of whole packets, which is handed on or given back rather than left to the garbage collector: at a thousand packets
// a second it would have to look through everything several times in each.

/** Octets beside a packet in its memory: the hash behind it on the wire, its fields in the spool, room for a cipher. */
const MAX_BESIDE = 1024;

/** The memory of `octets`, when hardly anything else lies in it. */
export function memoryOf(octets: Uint8Array): ArrayBuffer[] {
  const { buffer } = octets;
  return buffer instanceof ArrayBuffer && buffer.byteLength - octets.byteLength <= MAX_BESIDE ? [buffer] : [];
}

/** Gives the memory of a packet back at once. Nobody looks at it afterwards, nor at what lies beside it. */
export function giveBack(octets: Uint8Array): void {
  for (const memory of memoryOf(octets)) memory.transfer(0);
}
