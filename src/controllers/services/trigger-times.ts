import type { Pod, Service } from '../../api/types/gen/core-v1.ts';
import { keyOf } from '../../client/api-object.ts';
import { conditionOf } from '../pods/pod-state.ts';

/**
 * Since when the change was to be seen that the next write of a service follows: the earliest of the times that are new since the last look, those being when
 * pods became ready or ceased to be, and when the service was made. Times are those of the API, whose texts sort as they follow.
 */
export class TriggerTimes {
  readonly #known = new Map<string, ReadonlyMap<string, string>>();

  /** Undefined where nothing has a newer time. To be asked at every look, whether it leads to a write or not. */
  next(service: Service, pods: readonly Pod[]): string | undefined {
    const key = keyOf(service);
    const created = service.metadata.creationTimestamp ?? '';
    const before = this.#known.get(key);
    // no name of a pod is empty
    const times = new Map([['', created]]);
    for (const pod of pods) {
      const time = conditionOf(pod, 'Ready')?.lastTransitionTime;
      if (time !== undefined) times.set(pod.metadata.name ?? '', time);
    }
    this.#known.set(key, times);
    if (before === undefined) return created === '' ? undefined : created;
    const newer = [...times].filter(([name, time]) => time > (before.get(name) ?? '')).map(([, time]) => time);
    return newer.length === 0 ? undefined : newer.reduce((least, time) => (time < least ? time : least));
  }

  /** The service is gone. */
  forget(key: string): void {
    this.#known.delete(key);
  }
}
