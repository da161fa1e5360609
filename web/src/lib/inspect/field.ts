// A field of what is looked at in detail: a node of a tree, and the bytes that it takes. Frames, messages and decoded base64
// are all shown by such trees.

export interface Field {
  /** Unique in its tree; begins with the key of its parent. */
  readonly key: string;
  readonly name: string;
  /** Short, for people. */
  readonly value: string;
  /** Where it stands in the bytes of its tree: with its tag and length, or with its quotes. */
  readonly start: number;
  readonly end: number;
  /** What the value alone says not: a type, a meaning. */
  readonly note?: string;
  readonly isProblem?: boolean;
  /** Absent: a leaf. Made when asked for, and the same each time. */
  readonly children?: () => readonly Field[];
  /** Bytes that it stands for and that are not part of the bytes of the tree: base64, decoded. */
  readonly decoded?: () => Uint8Array;
}

/** The path from a root to the smallest field that holds the byte, root first. Empty: none does. */
export function pathTo(root: Field, offset: number): readonly Field[] {
  if (offset < root.start || offset >= root.end) return [];
  const path: Field[] = [];
  for (let field: Field | undefined = root; field;) {
    path.push(field);
    field = field.children?.().find(({ start, end }) => offset >= start && offset < end);
  }
  return path;
}

export interface ShownField {
  readonly field: Field;
  readonly depth: number;
}

/** The fields that are seen when those of `open` are unfolded, in order. */
export function shownFields(root: Field, open: ReadonlySet<string>): readonly ShownField[] {
  const shown: ShownField[] = [];
  const add = (field: Field, depth: number) => {
    shown.push({ field, depth });
    if (!open.has(field.key)) return;
    for (const child of field.children?.() ?? []) add(child, depth + 1);
  };
  add(root, 0);
  return shown;
}

/** Children that are made once. */
export function once(make: () => readonly Field[]): () => readonly Field[] {
  let made: readonly Field[] | undefined;
  return () => (made ??= make());
}

const shownBytes = 24;

/** "3f 2a … (64 bytes)" */
export function bytesPreview(bytes: Uint8Array): string {
  const hex = [...bytes.subarray(0, shownBytes)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > shownBytes ? `${hex} … (${bytes.length} bytes)` : hex || '(none)';
}

const shownCharacters = 200;

/** On one line, with what cannot be seen as an escape. */
export function textPreview(text: string): string {
  const cut = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  return JSON.stringify(cut);
}
