// SIGTERM and SIGINT: stop accepting, end all processes, exit. A second signal, or 4 seconds, end it at once.

const deadlineMs = 4000;

/** @returns a function that stops the same way without a signal. */
export function onStopSignal(stop: () => Promise<void>): () => void {
  let isStopping = false;
  const handle = () => {
    if (isStopping) process.exit(1);
    isStopping = true;
    setTimeout(() => process.exit(1), deadlineMs).unref();
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  return handle;
}
