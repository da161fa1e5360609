// What a file is, by its first bytes and its name: text, a picture that browsers show, or other bytes.

import { tryUtf8Decode } from '../../../../shared/bytes.ts';

const imageTypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  bmp: 'image/bmp',
  ico: 'image/x-icon',
  svg: 'image/svg+xml',
};

/** The type of a picture, by its name; undefined for what is none. In an `<img>` no script of an SVG runs. */
export function imageType(name: string): string | undefined {
  return imageTypes[/\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''];
}

/** UTF-8 without NUL. A character that is cut at the end does not count against it. */
export function looksLikeText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  for (let cut = 0; cut < Math.min(4, bytes.length + 1); cut++) {
    if (tryUtf8Decode(bytes.subarray(0, bytes.length - cut)) !== undefined) return true;
  }
  return false;
}
