// What the inspector points out: each kind of anomaly with the rule that it breaks and where that rule stands.

export type RuleId =
  | 'gap'
  | 'duplicate'
  | 'reorder'
  | 'early'
  | 'after-closed'
  | 'unknown-id'
  | 'late-reply'
  | 'unanswered'
  | 'illegal'
  | 'bad-frame'
  | 'frame-gap'
  | 'frame-duplicate'
  | 'frame-reorder';

export interface Rule {
  readonly title: string;
  /** What should hold. */
  readonly rule: string;
  /** Where it is written. */
  readonly source: string;
  /** `notice`: a lossy link does that, and the endpoints repair it. */
  readonly weight: 'fault' | 'notice';
}

export interface Anomaly {
  readonly rule: RuleId;
  /** What happened here: numbers and names. */
  readonly detail: string;
}

const output = 'docs/protocol.md, Output';
const frames = 'docs/relay.md, Frames';

export const rules: Readonly<Record<RuleId, Rule>> = {
  gap: {
    title: 'Gap in seq',
    rule: 'seq counts output, exited and closed of a process together, from 1, without holes',
    source: output,
    weight: 'fault',
  },
  duplicate: {
    title: 'Duplicate seq',
    rule: 'a seq of a process is sent once on a connection',
    source: output,
    weight: 'fault',
  },
  reorder: {
    title: 'Out of order',
    rule: 'the notifications of a process are sent in the order of their seq',
    source: output,
    weight: 'fault',
  },
  early: {
    title: 'Too early',
    rule: 'notifications that a request causes come after its answer',
    source: 'docs/protocol.md, Envelope, Order',
    weight: 'fault',
  },
  'after-closed': {
    title: 'After closed',
    rule: 'nothing follows process/closed',
    source: output,
    weight: 'fault',
  },
  'unknown-id': {
    title: 'Answer to nothing',
    rule: 'an answer echoes the id of a request that is not answered yet',
    source: 'docs/protocol.md, Envelope',
    weight: 'fault',
  },
  'late-reply': {
    title: 'Late answer',
    rule: 'only what waits for something outside (process/read with waitMs, process/wait, http/request) may take long',
    source: 'docs/protocol.md, Envelope, Order',
    weight: 'notice',
  },
  unanswered: {
    title: 'Never answered',
    rule: 'each request is answered before the connection ends',
    source: 'docs/protocol.md, Envelope',
    weight: 'notice',
  },
  illegal: {
    title: 'Illegal message',
    rule: 'a message is as its method declares it, and comes from the side that may send it',
    source: 'docs/protocol.md, Envelope; GET /schema/exec-server.json',
    weight: 'fault',
  },
  'bad-frame': {
    title: 'Bad frame',
    rule: 'a binary message is one valid RelayMessageFrame; others are dropped and counted',
    source: frames,
    weight: 'fault',
  },
  'frame-gap': {
    title: 'Segments missing',
    rule: 'seq counts the segments of a direction from 0 without holes; the receiver waits for what is missing',
    source: frames,
    weight: 'notice',
  },
  'frame-duplicate': {
    title: 'Segment again',
    rule: 'a segment that was not acknowledged in time is sent again; the receiver drops the second one',
    source: frames,
    weight: 'notice',
  },
  'frame-reorder': {
    title: 'Segment late',
    rule: 'segments may arrive out of order within the window; the receiver sorts them',
    source: frames,
    weight: 'notice',
  },
};
