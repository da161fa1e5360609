// Errors of the operating system in the words of the peers: "No such file or directory (os error 2)".

import { getSystemErrorMap } from 'node:util';

/** The texts of strerror(3) for the errors that people meet; libuv's own texts are lower case and differ. */
const texts: Readonly<Record<string, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  EIO: 'Input/output error',
  E2BIG: 'Argument list too long',
  ENOEXEC: 'Exec format error',
  EBADF: 'Bad file descriptor',
  EAGAIN: 'Resource temporarily unavailable',
  ENOMEM: 'Cannot allocate memory',
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EXDEV: 'Invalid cross-device link',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EINVAL: 'Invalid argument',
  ENFILE: 'Too many open files in system',
  EMFILE: 'Too many open files',
  ETXTBSY: 'Text file busy',
  EFBIG: 'File too large',
  ENOSPC: 'No space left on device',
  EROFS: 'Read-only file system',
  EMLINK: 'Too many links',
  ENAMETOOLONG: 'File name too long',
  ENXIO: 'No such device or address',
  ENOTEMPTY: 'Directory not empty',
  EPIPE: 'Broken pipe',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  ETIMEDOUT: 'Connection timed out',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ELOOP: 'Too many levels of symbolic links',
};

export interface OsError extends Error {
  /** "ENOENT" */
  readonly code: string;
}

export function isOsError(error: unknown): error is OsError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code);
}

/** An error as if the system had answered `code`. */
export function osError(code: string): OsError {
  return Object.assign(new Error(osErrorText(code)), { code });
}

/** The same for the number that a system call left in errno. */
export function osErrorOf(errno: number): OsError {
  return osError(getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`);
}

export function osErrorText(code: string): string {
  const number = errnoOf(code);
  const text = texts[code] ?? code;
  return number === undefined ? text : `${text} (os error ${number})`;
}

let numbers: Map<string, number> | undefined;

function errnoOf(code: string): number | undefined {
  numbers ??= new Map([...getSystemErrorMap()].map(([errno, [name]]) => [name, -errno]));
  // ENOEXEC is the one that libuv does not know.
  return numbers.get(code) ?? (code === 'ENOEXEC' ? 8 : undefined);
}
