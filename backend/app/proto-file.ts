// The relay's .proto as it is served: the source of truth of the binary format, as text.

import { readFile } from 'node:fs/promises';

export const relayProto = 'codex/exec_server/relay/v1/relay.proto';

/** Beside the bundled program, or in the repository when run from source. */
export async function protoText(): Promise<string> {
  const places = ['./proto/', '../../proto/'].map((folder) => new URL(folder + relayProto, import.meta.url));
  for (const place of places) {
    const text = await readFile(place, 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  throw new Error(`${relayProto} is missing; install or build the program again`);
}
