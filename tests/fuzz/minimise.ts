// Makes a failing batch small: leaves out inputs, then bytes of what is left, as long as it still fails (ddmin, simplified).

/** Tries before it is content: each starts programs anew. */
const MAX_TRIES = 120;

/**
 * @param fails sends the inputs to fresh programs; true when they still fail
 * @returns inputs that fail; the given ones when they do not fail again
 */
export async function minimise(
  inputs: readonly Uint8Array[],
  fails: (inputs: readonly Uint8Array[]) => Promise<boolean>,
): Promise<readonly Uint8Array[]> {
  let tries = 0;
  const stillFails = async (candidate: readonly Uint8Array[]): Promise<boolean> =>
    ++tries <= MAX_TRIES && (await fails(candidate));
  const fewer = await withoutParts(inputs, stillFails);
  let best = [...fewer];
  for (const [index, input] of fewer.entries()) {
    const bytes = await withoutParts([...input], (candidate) =>
      stillFails(best.with(index, Uint8Array.from(candidate))),
    );
    best = best.with(index, Uint8Array.from(bytes));
  }
  return best;
}

/** Leaves out halves, quarters … single parts while `holds` stays true. */
async function withoutParts<T>(
  all: readonly T[],
  holds: (parts: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let parts = all;
  for (let size = Math.ceil(parts.length / 2); size >= 1 && parts.length > 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < parts.length;) {
      const rest = [...parts.slice(0, from), ...parts.slice(from + size)];
      if (rest.length > 0 && (await holds(rest))) parts = rest;
      else from += size;
    }
  }
  return parts;
}
