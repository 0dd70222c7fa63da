// Mail taken apart, where text in a charset that nobody here knows is a file and not guessed at.   spec: ima 2.13

import PostalMime from 'postal-mime';

const LF = 0x0a;

/** Of a part, what the library looks at to tell text from files. */
interface Leaf {
  readonly contentType: {
    readonly parsed: { readonly value: string; readonly params: Readonly<Record<string, string>> };
  };
  readonly contentDisposition: { readonly parsed: { readonly value: string } };
}

/** A leaf with how its octets were written. */
interface Written {
  readonly contentTransferEncoding: { readonly encoding: string };
}

/** What its types do not show. */
const library = PostalMime.prototype as unknown as Pick<MimeReader, 'collectAttachment'>;

export class MimeReader extends PostalMime {
  /** What was not encoded ends before the line end that belongs to the boundary; the library counts that to it. */
  collectAttachment(leaf: Written, content: ArrayBuffer, ...how: boolean[]): void {
    const encoded = /^(?:base64|quoted-printable)$/.test(leaf.contentTransferEncoding.encoding);
    const octets = new Uint8Array(content);
    const whole = encoded || octets.at(-1) !== LF;
    library.collectAttachment.call(this, leaf, whole ? content : content.slice(0, -1), ...how);
  }

  /** Takes the place of the library's own, which reads an unknown charset as windows-1252. */
  isInlineTextNode({ contentType, contentDisposition }: Leaf): boolean {
    const { value, params } = contentType.parsed;
    if (contentDisposition.parsed.value === 'attachment') return false;
    return (value === 'text/plain' || value === 'text/html') && isKnown(params['charset'] ?? '');
  }
}

function isKnown(charset: string): boolean {
  const label = charset.trim().toLowerCase();
  // The names that old programs gave to what everybody knows: cp1252, x-sjis.
  const plain = label.replace(/^(?:x-ms-|x-|cs)/, '').replace(/^(?:cp|ms|win)-?(?=125\d$)/, 'windows-');
  return label === '' || [label, plain].some(decodes);
}

function decodes(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}
