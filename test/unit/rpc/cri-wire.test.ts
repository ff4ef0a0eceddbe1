import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ImageServiceService, RuntimeServiceService } from '../../../src/rpc/gen/runtime/v1/services.ts';
import golden from './cri-wire.golden.json' with { type: 'json' };
import { describeProtos } from './describe-protos.ts';

const ours = describeProtos(['runtime/v1/services.proto'], ['proto'], 'runtime.v1');

describe('proto/runtime/v1', () => {
  it('has every message, field number, field type and enum value of CRI 1.36 for Linux', () => {
    expect(ours.messages).toEqual(golden.messages);
    expect(ours.enums).toEqual(golden.enums);
  });

  it('has the 35 calls of RuntimeService and the 6 of ImageService', () => {
    expect(ours.calls).toEqual(golden.calls);
    expect(Object.keys(ours.calls).filter(c => c.startsWith('RuntimeService.'))).toHaveLength(35);
    expect(Object.keys(ours.calls).filter(c => c.startsWith('ImageService.'))).toHaveLength(6);
  });

  it('is what the generated services speak, path by path', () => {
    const generated = Object.values({ ...RuntimeServiceService, ...ImageServiceService }).map(m => m.path);
    const defined = Object.keys(ours.calls).map(call => `/runtime.v1.${call.replace('.', '/')}`);
    expect(generated.sort()).toEqual(defined.sort());
  });

  // To compare with another release: GANTRY_CRI_PROTO=/path/to/api.proto of k8s.io/cri-api.
  const upstream = process.env['GANTRY_CRI_PROTO'] ?? '';
  it('agrees with the upstream definition', ({ skip }) => {
    const reason = 'GANTRY_CRI_PROTO does not name an upstream api.proto to compare with';
    console.info(upstream === '' ? `skipped: ${reason}` : `comparing with ${upstream}`);
    skip(upstream === '', reason);
    const theirs = describeProtos([upstream], [dirname(upstream)], 'runtime.v1');
    expect(theirs.messages).toMatchObject(
      Object.fromEntries(Object.keys(ours.messages).map(name => [name, expect.any(String)])),
    );
    for (const [name, fields] of Object.entries(ours.messages))
      expect(theirs.messages[name]?.split(', '), name).toEqual(expect.arrayContaining(fields.split(', ')));
    expect(theirs.enums).toMatchObject(ours.enums);
    expect(theirs.calls).toMatchObject(ours.calls);
  });
});
