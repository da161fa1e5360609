// What is known of the cases that genuine exec servers fail: what they do instead, and why this project asks for more.

export interface DeviationNote {
  /** What the genuine server does. */
  readonly does: string;
  /** Why the rule stands although no genuine server keeps it. Absent: one version keeps it. */
  readonly decision?: string;
  /** It happens in some runs only. */
  readonly now?: 'now and then';
}

const atTheEnd = 'what was asked before the end of stdin is answered: `printf … | exec-server` tells its result';

export const deviationNotes: Readonly<Record<string, DeviationNote>> = {
  'EXEC-ENVELOPE-016': { does: 'ends the connection: a doubled member turns the request into a notification' },
  'EXEC-ENVELOPE-034': {
    does: 'drops the connection without a close frame (1006)',
    decision: 'close frames are sent, with a reason: a harness can say why it was put out',
  },
  'EXEC-ENVELOPE-043': { does: 'ends the connection: a bad trace turns the request into a notification' },
  'EXEC-ID-011': { does: 'ends the connection: a bad id turns the request into a notification' },
  'EXEC-ID-012': { does: 'ends the connection: a bad id turns the request into a notification' },
  'EXEC-ID-013': { does: 'ends the connection: a bad id turns the request into a notification' },
  'EXEC-ID-014': { does: 'ends the connection: a bad id turns the request into a notification' },
  'EXEC-ID-015': { does: 'ends the connection: a bad id turns the request into a notification' },
  'EXEC-SESSION-012': { does: 'answers -32600' },
  'EXEC-START-019': {
    does: 'starts the process in HOME of its environment, or in the home of the user',
    decision: 'a program that runs in another directory than it was told to can do harm',
  },
  'EXEC-START-030': {
    does: 'runs arg0 as the program; argv[0] is lost',
    decision: 'arg0 means the same by pipe and on a terminal',
  },
  'EXEC-START-033': { does: 'leaves further descriptors open in the child' },
  'EXEC-START-034': { does: 'leaves signals blocked or ignored in the child' },
  'EXEC-START-035': { does: 'gives the child sockets, which cannot be opened by name' },
  'EXEC-OUTPUT-004': {
    does: 'a notification overtakes another one of the same process',
    decision: 'notifications go out in the order of seq',
    now: 'now and then',
  },
  'EXEC-OUTPUT-008': {
    does: 'numbers exited before output that was written earlier',
    decision: 'what a process wrote before it ended comes before exited',
    now: 'now and then',
  },
  'EXEC-OUTPUT-009': {
    does: 'sends notifications before the answer to the start that causes them',
    decision: 'notifications come after the answer of the request that causes them',
    now: 'now and then',
  },
  'EXEC-EXIT-006': { does: 'exit code -1' },
  'EXEC-EXIT-007': { does: 'exit code -1' },
  'EXEC-EXIT-008': {
    does: 'exit code 1 on a terminal',
    decision: 'a process killed by signal n exits with 128 + n, by pipe and on a terminal, as shells have it',
  },
  'EXEC-TERMINATE-010': { does: 'exit code -1' },
  'EXEC-TERMINATE-011': {
    does: 'exit code 1 on a terminal',
    decision: 'a process killed by signal n exits with 128 + n, by pipe and on a terminal, as shells have it',
  },
  'EXEC-READ-023': {
    does: 'serves one request at a time: what comes behind a read that waits is answered after it',
    decision: 'what only waits holds up nothing behind it',
  },
  'EXEC-WRITE-012': { does: 'answers -32602: writeId is required' },
  'EXEC-WRITE-014': {
    does: 'stops serving the connection once the pipe and a queue of 128 writes are full, terminate included',
    decision: 'what only waits holds up nothing behind it',
  },
  'FS-READ-FILE-006': { does: 'reads devices, and waits without end at a FIFO that nobody writes to' },
  'FS-COPY-009': {
    does: 'answers {} and leaves an empty file',
    decision: 'a copy that destroys its source is refused',
  },
  'HTTP-020': {
    does: 'serves one request at a time until the response headers are there',
    decision: 'what only waits holds up nothing behind it',
  },
  'LISTEN-005': { does: '404', decision: 'both names of the health check answer, for supervisors that know only one' },
  'LISTEN-006': { does: 'lets every web page in: Origin is not looked at' },
  'LISTEN-008': {
    does: 'drops the connection without a close frame (1006)',
    decision: 'close frames are answered: a harness can tell an end from a loss',
  },
  'WEBSOCKET-009': {
    does: 'drops the connection without a close frame (1006)',
    decision: 'close frames are answered: a harness can tell an end from a loss',
  },
  'WEBSOCKET-013': {
    does: 'drops the connection without a close frame (1006)',
    decision: 'close frames are sent, with a code: a harness can say what was wrong',
  },
  'WEBSOCKET-021': {
    does: 'drops the connection without a close frame (1006)',
    decision: 'close frames are sent, with a code: a harness can say what was wrong',
  },
  'WEBSOCKET-023': {
    does: 'drops the connection without a close frame (1006)',
    decision: 'close frames are sent, with a code: a harness can say what was wrong',
  },
  'WEBSOCKET-024': { does: 'sends no pings' },
  'WEBSOCKET-025': {
    does: 'keeps a connection whose peer answers no ping',
    decision: 'a peer that is gone without a word does not hold its session for good',
  },
  'STDIO-005': { does: 'may end before its answer is written', decision: atTheEnd, now: 'now and then' },
  'STDIO-009': {
    does: 'serves no more, but goes on until the next line or the end of stdin',
    decision: 'whoever waits for the program to end would wait for ever',
  },
  'STDIO-010': { does: 'takes 96 MiB of a line' },
  'STDIO-011': { does: 'may end before its answer is written', decision: atTheEnd, now: 'now and then' },
  'RELAY-ENDPOINT-008': { does: 'sends nothing when a stream has ended by a protocol error' },
  'RELAY-ENDPOINT-011': { does: 'never acknowledges' },
  'RELAY-ENDPOINT-012': { does: 'delivers each repetition' },
  'RELAY-ENDPOINT-013': { does: 'delivers messages as they come' },
  'RELAY-ENDPOINT-014': { does: 'drops segments' },
  'RELAY-ENDPOINT-015': { does: 'never sends anything again' },
  'RELAY-ENDPOINT-016': { does: 'sends every message as one segment' },
  'RELAY-ENDPOINT-017': { does: 'drops what is no JSON-RPC' },
  'RELAY-ENDPOINT-018': { does: 'does not look at acknowledgements' },
  'RELAY-ENDPOINT-019': { does: 'does not look at acknowledgements' },
  'RELAY-ENDPOINT-020': { does: 'ends streams with their socket' },
  'RELAY-ENDPOINT-021': { does: 'drops segments' },
  'RELAY-ENDPOINT-022': { does: 'drops segments' },
};

/** Rules of which only one genuine version has anything to say. */
export const relayDecision =
  'delivery is guaranteed by the endpoints (docs/relay.md); 0.131.0 numbers its frames and looks at none of it';
