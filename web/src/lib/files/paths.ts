// Paths of the executor's machine, plain and absolute.

/** `/a/b` → `/a`; `/` stays. */
export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** `/a/b` → `b`; of `/` it is `/`. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1) || '/';
}

export function joinPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** Whether `path` is `directory` or below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`);
}

/** What is wrong with a name for a file; '' when nothing is. */
export function nameProblem(name: string): string {
  if (name === '') return 'write a name';
  if (name === '.' || name === '..') return `“${name}” is no name`;
  if (/[/\0]/.test(name)) return 'a name holds no /';
  // In UTF-8, as most file systems count.
  if (new TextEncoder().encode(name).length > 255) return 'the name is longer than 255 bytes';
  return '';
}
