// Where our remote executor deliberately does better than 0.131.0 in the relay recordings. 0.131 numbers its frames and
// looks at none of it; ours delivers each message exactly once, in order (docs/relay.md). Steps are counted from 0.

/** A frame that comes after a step and was not recorded: a reset, or an answer to this id. */
export type ExtraFrame = { readonly reset: string } | { readonly answerTo: number };

export interface RelayDifference {
  readonly why: string;
  /** Step → the seq that a peer which counts gives it. */
  readonly seqs?: Readonly<Record<number, number>>;
  /** Step → the `nextSeq` of its answer to process/read. */
  readonly nextSeqs?: Readonly<Record<number, number>>;
  /** Recorded steps of the executor that do not come. */
  readonly missing?: readonly number[];
  readonly extra?: Readonly<Record<number, ExtraFrame>>;
  /** The last step that is played. */
  readonly endsAfter?: number;
}

export const betterThan131: Readonly<Record<string, RelayDifference>> = {
  'r02-single-stream': {
    why: 'an answer with all that is kept counts the end of the process in nextSeq, which 0.169 needs',
    nextSeqs: { 12: 4 },
  },
  'r04-control-frames-ignored': {
    why: 'who acknowledges on a stream that is not there is told so, and who acknowledges what was never sent loses the stream',
    extra: { 0: { reset: 'unknown_stream' }, 14: { reset: 'acknowledges_unsent' } },
    endsAfter: 14,
  },
  'r05-malformed-dropped': {
    why: 'a message that is no JSON-RPC is answered with id -1, as on every connection; it has used up its seq',
    seqs: { 24: 3, 28: 4, 29: 3 },
    extra: { 22: { answerTo: -1 }, 24: { answerTo: -1 } },
  },
  'r06-seq-not-checked': {
    why: 'a repeated seq is a duplicate, a step back too, and what comes after a gap waits for the gap',
    missing: [7, 9, 11, 13],
  },
  'r07-segments-dropped': {
    why: 'segments are put together; after invalid ones there is a gap, and what follows waits for it',
    extra: { 6: { answerTo: 2 } },
    missing: [15],
  },
};
