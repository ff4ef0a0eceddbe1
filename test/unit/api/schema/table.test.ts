import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { goTypeName, isAlwaysPresent, SchemaTable } from '../../../../src/api/schema/table.ts';

const field = (id: string, name: string) => {
  const found = builtinTable.struct(id).json.get(name);
  expect(found, `${id}.${name}`).toBeDefined();
  return found as NonNullable<typeof found>;
};

describe('the built-in schema table', () => {
  it('parses every row, and every type that a row names is there', () => {
    const types = builtinTable.ids().map(id => builtinTable.type(id));
    const names = types.flatMap(t => (t.kind === 'struct' ? [...t.json.values()].map(f => goTypeName(f.type)) : []));
    expect(names.length).toBeGreaterThan(1000);
  });

  it('knows the merge rules of a container’s ports', () => {
    expect(field('core/v1.Container', 'ports')).toMatchObject({
      listType: 'map',
      listMapKeys: ['containerPort', 'protocol'],
      patchStrategies: ['merge'],
      patchMergeKey: 'containerPort',
      proto: 6,
      omitEmpty: true,
      optional: true,
    });
  });

  it('opens inlined structs for JSON and keeps them for protobuf', () => {
    const volume = builtinTable.struct('core/v1.Volume');
    expect(volume.json.has('emptyDir')).toBe(true);
    expect(volume.fields.map(f => [f.name, f.inline, f.proto])).toEqual([
      ['name', false, 1],
      ['.', true, 2],
    ]);
  });

  it('has default markers as values, constants resolved', () => {
    expect(field('core/v1.ContainerPort', 'protocol').default).toBe('TCP');
    expect(field('core/v1.AzureDiskVolumeSource', 'cachingMode').default).toBe('ReadWrite');
    expect(field('core/v1.AzureDiskVolumeSource', 'readOnly').default).toBe(false);
  });

  it('has the values of an enum', () => {
    expect(builtinTable.type('core/v1.RestartPolicy')).toMatchObject({ enumValues: ['Always', 'OnFailure', 'Never'] });
  });

  it.each([
    ['a struct held by value is always there', 'core/v1.Pod', 'spec', true],
    ['a struct behind a pointer may be absent', 'core/v1.PodSpec', 'securityContext', false],
    ['a field without omitempty is always there', 'core/v1.Container', 'name', true],
    ['an omitempty string may be absent', 'core/v1.Container', 'image', false],
    ['a zero time is left out', 'meta/v1.ObjectMeta', 'creationTimestamp', false],
    ['a quantity held by value is written as 0', 'core/v1.ResourceFieldSelector', 'divisor', true],
  ])('%s', (_, id, name, present) => {
    expect(isAlwaysPresent(field(id, name))).toBe(present);
  });

  it('takes types that refer to themselves', () => {
    const table = new SchemaTable([
      {
        id: 'x/v1',
        goPath: 'x',
        group: 'x',
        version: 'v1',
        proto: '',
        types: { Node: 'child *Node 1 o d={"a b": 1}' },
      },
    ]);
    const node = table.struct('x/v1.Node');
    expect(node.json.get('child')?.type).toBe(node);
    expect(node.json.get('child')?.default).toEqual({ 'a b': 1 });
  });

  it('says which type is missing', () => {
    expect(() => builtinTable.type('core/v1.Nothing')).toThrow('type core/v1.Nothing is not in the schema table');
  });
});
