import type { Pod, Service } from '../../api/types/gen/core-v1.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { ControllerParts } from '../controller.ts';
import { PODS, SERVICES } from '../resources.ts';
import { changesEndpoints, selects } from './service-pods.ts';

/** Services and the pods that they select: wakes a service when it changes, or a pod that it selects or selected. */
export class PodsOfServices {
  readonly services: Informed<Service>;
  readonly #pods: Informed<Pod>;
  readonly #enqueue: (key: string) => void;

  constructor(parts: ControllerParts) {
    this.services = parts.informed<Service>(SERVICES);
    this.#pods = parts.informed<Pod>(PODS);
    this.#enqueue = key => parts.enqueue(key);
    this.services.onChange(({ key }) => parts.enqueue(key));
    this.#pods.onChange(({ before, after }) => {
      if (before !== undefined && after !== undefined && !changesEndpoints(before, after)) return;
      this.wakeFor([before, after].filter(pod => pod !== undefined));
    });
  }

  of(service: Service): readonly Pod[] {
    return this.#pods.store.list(service.metadata.namespace).filter(pod => selects(service, pod.metadata.labels));
  }

  /** Wakes every service that selects one of these pods. */
  wakeFor(pods: readonly Pod[]): void {
    for (const { metadata } of pods)
      for (const service of this.services.store.list(metadata.namespace))
        if (selects(service, metadata.labels)) this.#enqueue(keyOf(service));
  }
}
