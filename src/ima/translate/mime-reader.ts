// Mail taken apart, where text in a charset that nobody here knows is a file and not guessed at.   spec: ima 2.13

import PostalMime from 'postal-mime';

/** Of a part, what the library looks at to tell text from files. */
interface Leaf {
  readonly contentType: {
    readonly parsed: { readonly value: string; readonly params: Readonly<Record<string, string>> };
  };
  readonly contentDisposition: { readonly parsed: { readonly value: string } };
}

export class MimeReader extends PostalMime {
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
