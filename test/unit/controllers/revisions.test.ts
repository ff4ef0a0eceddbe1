import { describe, expect, it } from 'vitest';
import type { PodTemplateSpec } from '../../../src/api/types/gen/core-v1.ts';
import { newRevision } from '../../../src/controllers/revisions/plan.ts';

describe('a revision', () => {
  it('holds the template as a patch, with members in the order in which clients write them to compare', () => {
    const owner = { metadata: { name: 'web', namespace: 'default', uid: 'u' } };
    const template: PodTemplateSpec = {
      spec: { restartPolicy: 'Always', containers: [{ name: 'b', image: 'i', args: ['z', 'a'], resources: {} }] },
      metadata: { labels: { b: '1', a: '2' } },
    };
    const { data } = newRevision(owner, { apiVersion: 'apps/v1', kind: 'DaemonSet' }, template, 1, 0);
    expect(JSON.stringify(data)).toBe(
      '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"a":"2","b":"1"}},"spec":{"containers":[{"args":["z","a"],"image":"i","name":"b","resources":{}}],"restartPolicy":"Always"}}}}',
    );
  });
});
