// The faults that the conformance suite must find, each with the cases that must fail by it. Each breaks one rule and leaves
// the rest as it is, so that no other case may fail.
import type { Fault } from './faulty-server.ts';
import { envelopeFaults } from './faults/envelope.ts';
import { fileFaults } from './faults/files.ts';
import { outputFaults } from './faults/output.ts';
import { requestFaults } from './faults/requests.ts';
import { sessionFaults } from './faults/sessions.ts';

export const faults: readonly Fault[] = [
  ...envelopeFaults,
  ...sessionFaults,
  ...outputFaults,
  ...requestFaults,
  ...fileFaults,
];
