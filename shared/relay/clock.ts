// Time as the relay's endpoints see it: handed in, so that a simulation can move it by hand.

export interface RelayClock {
  /** Monotonic, in ms, from any origin. */
  nowMs(): number;
  /** Calls once after `delayMs`, unless the returned function was called before. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** The real one. Its timers only guard: in Node they keep no process alive. */
export const systemClock: RelayClock = {
  nowMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    (timer as { unref?: () => void }).unref?.();
    return () => clearTimeout(timer);
  },
};
