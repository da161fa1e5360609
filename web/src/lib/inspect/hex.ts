// Bytes as lines of a hex dump.

/** The pane shows this many bytes at once, in pages. */
export const hexPageBytes = 256 * 1024;

export interface HexLine {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** @param width Bytes a line. @param page Counts from 0. */
export function hexLines(bytes: Uint8Array, width: number, page: number): readonly HexLine[] {
  const lines: HexLine[] = [];
  const end = Math.min(bytes.length, (page + 1) * hexPageBytes);
  for (let offset = page * hexPageBytes; offset < end; offset += width) {
    lines.push({ offset, bytes: bytes.subarray(offset, Math.min(offset + width, end)) });
  }
  return lines;
}

export function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** As dumps show text: what is no printable ASCII is a dot. */
export function asciiByte(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
}

/** Without blanks, for copying. */
export function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, hexByte).join('');
}
