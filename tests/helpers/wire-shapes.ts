// What the wire sniffer checks shapes by: the project's own declarations, one per method and notification.
import { methods, notifications } from '../../shared/protocol/methods.ts';
import type { ShapeCheck } from './wire-sniffer.ts';

export const shapes: ShapeCheck = {
  result(method, result) {
    const declared = methods.get(method);
    if (!declared) return 'the method is not declared';
    return declared.result.safeParse(result).error?.message;
  },
  notification(method, params) {
    const declared = notifications.get(method);
    if (!declared) return 'the notification is not declared';
    if (declared.from !== 'executor') return 'only a harness sends it';
    return declared.params.safeParse(params).error?.message;
  },
};
