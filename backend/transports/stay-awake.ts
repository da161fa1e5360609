// A thread that sleeps until a request comes is awake 20 to 60 µs after it, which is most of a round trip on one machine. So the event
// loop turns instead of sleeping while requests follow each other closely. It yields: whoever else wants the core gets it.

/**
 * Requests this close to one another are a conversation, in ms: of a harness on this machine that waits for each answer. Over a
 * network, or from a keyboard, none is so fast, and the loop sleeps as ever.
 */
const conversationMs = 0.2;

let lastMs = -Infinity;
let awakeUntilMs = 0;
let isAwake = false;

/** To be called when a request has come. */
export function stayAwake(): void {
  const nowMs = performance.now();
  if (nowMs - lastMs < conversationMs) {
    awakeUntilMs = nowMs + conversationMs;
    if (!isAwake) turn();
  }
  lastMs = nowMs;
}

function turn(): void {
  isAwake = performance.now() < awakeUntilMs;
  if (isAwake) setImmediate(turn);
}
