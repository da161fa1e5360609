// Long work a little at a time, so that the page goes on meanwhile.

/** Time at a stretch, ms. */
const stretchMs = 8;
/** The clock is looked at after so many items. */
const strideItems = 32;

/**
 * Takes all of `items`, which does the work.
 * @param onTaken told how many there are, between stretches
 * @throws what the items throw; the reason of the signal.
 */
export async function takeInStretches<T>(
  items: Iterable<T>,
  onTaken: (count: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<T[]> {
  signal?.throwIfAborted();
  const taken: T[] = [];
  let untilMs = performance.now() + stretchMs;
  for (const item of items) {
    taken.push(item);
    if (taken.length % strideItems !== 0 || performance.now() < untilMs) continue;
    onTaken(taken.length);
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    untilMs = performance.now() + stretchMs;
  }
  return taken;
}
