// Upper case for keywords: of ASCII letters alone, since some others would become ASCII ones (U+017F is an s to JavaScript).

export function asciiUpper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}
