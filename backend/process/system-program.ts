// Programs of the system that we start for ourselves.

import { accessSync, constants } from 'node:fs';

/** Where Debian and others have them; not looked up in PATH, which may be anybody's. */
const places = ['/usr/bin', '/bin', '/usr/local/bin', '/run/current-system/sw/bin'];

/** @returns its absolute path. */
export function findSystemProgram(name: string): string | undefined {
  return places
    .map((place) => `${place}/${name}`)
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
