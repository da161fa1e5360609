// All conformance cases, family by family.

import type { ConformanceCase } from './case.ts';
import { envelopeCases } from './cases/envelope.ts';
import { handshakeCases } from './cases/handshake.ts';
import { idCases } from './cases/ids.ts';

export const allCases: readonly ConformanceCase[] = [...envelopeCases, ...idCases, ...handshakeCases];
