// Who is online at this server's relay, looked up again and again while somebody looks.

import * as z from 'zod';
import { listExecutors } from '../../../../shared/client/registry-api.ts';
import { errorText } from '../../../../shared/errors.ts';

/** How often it is looked up, ms. */
const lookMs = 2000;

/** What our registry says beyond the id; another one may say less. */
const executorSchema = z.object({
  executor_id: z.string(),
  name: z.string().catch(''),
  streams: z.number().optional().catch(undefined),
  resumable: z.boolean().catch(false),
  here: z.boolean().catch(true),
});
export type ListedExecutor = z.infer<typeof executorSchema>;

export class OnlineExecutors {
  /** Undefined before the first answer. */
  list = $state.raw<readonly ListedExecutor[] | undefined>();
  problem = $state('');

  /** @returns the end of it: right for `$effect`. */
  run(): () => void {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        if (!document.hidden) {
          const online = await listExecutors({ registry: location.origin }, { signal: abort.signal });
          this.list = online.map((executor) => executorSchema.parse(executor));
        }
        this.problem = '';
      } catch (error) {
        if (!abort.signal.aborted) this.problem = errorText(error);
      }
      if (!abort.signal.aborted) timer = setTimeout(() => void look(), lookMs);
    };
    void look();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }
}
