import { describe, expect, it } from 'vitest';
import { parseNetworkList, pluginConfig } from '../../../../src/cni/protocol/network-list.ts';

const list = (value: object): string => JSON.stringify({ cniVersion: '1.0.0', name: 'pods', ...value });

describe('parseNetworkList', () => {
  it('chooses the newest version of cniVersion and cniVersions that is spoken here', () => {
    const text = list({ cniVersions: ['0.4.0', '1.1.0', '1.2.0'], plugins: [{ type: 'bridge' }] });
    expect(parseNetworkList(text, false).cniVersion).toBe('1.1.0');
  });

  it('takes a file without a version for 0.2.0', () => {
    expect(parseNetworkList('{"name":"n","type":"bridge"}', true).cniVersion).toBe('0.2.0');
  });

  it('turns a single plugin into a list whose text reads the same', () => {
    const single = parseNetworkList('{"cniVersion":"0.3.1","name":"n","type":"bridge","bridge":"b0"}', true);
    expect(single.plugins.map(plugin => plugin.type)).toEqual(['bridge']);
    expect(parseNetworkList(single.text, false).plugins[0]?.config).toEqual(single.plugins[0]?.config);
  });

  it.each([
    ['is no JSON', '{', /is not JSON/],
    ['is no object', '[]', /is not a JSON object/],
    ['has no name', '{"cniVersion":"1.0.0","plugins":[{"type":"a"}]}', /the name "" is missing/],
    ['has a name with a slash', list({ name: '../x', plugins: [{ type: 'a' }] }), /odd characters/],
    ['has no plugins', list({ plugins: [] }), /names no plugins/],
    ['has a plugin without type', list({ plugins: [{}] }), /type "" is not the name/],
    ['has a type that leads out of the directory', list({ plugins: [{ type: '../sh' }] }), /not the name of a program/],
    [
      'speaks only unknown versions',
      list({ cniVersion: '9.0.0', plugins: [{ type: 'a' }] }),
      /none of the versions 9.0.0/,
    ],
    ['has a list where a string belongs', list({ cniVersion: [1], plugins: [{ type: 'a' }] }), /must be a string/],
  ])('refuses a file that %s', (_, text, message) => {
    expect(() => parseNetworkList(text, false)).toThrow(message);
  });

  it.each([
    ['appends them to its own', {}, ['a', 'b']],
    ['appends them when that is asked for', { loadOnlyInlinedPlugins: false }, ['a', 'b']],
    ['leaves them when it wants its own alone', { loadOnlyInlinedPlugins: true }, ['a']],
  ])('with plugins in a directory of its name %s', (_, more, types) => {
    const asked: string[] = [];
    const parsed = parseNetworkList(list({ ...more, plugins: [{ type: 'a' }] }), false, name => {
      asked.push(name);
      return [{ type: 'b' }];
    });
    expect(parsed.plugins.map(p => p.type)).toEqual(types);
    expect(asked).toEqual(types.length === 2 ? ['pods'] : []);
    expect((JSON.parse(parsed.text) as { plugins: unknown[] }).plugins).toHaveLength(types.length);
  });
});

describe('pluginConfig', () => {
  const text = list({ plugins: [{ type: 'portmap', snat: true, capabilities: { portMappings: true, mac: false } }] });
  const parsed = parseNetworkList(text, false);
  const [portmap] = parsed.plugins;
  if (portmap === undefined) throw new Error('the list has one plugin');

  it('adds name, version and the values that the plugin declares, and takes capabilities out', () => {
    const values = { portMappings: [{ hostPort: 80 }], mac: 'x', dns: {} };
    expect(pluginConfig(parsed, portmap, values, undefined)).toEqual({
      type: 'portmap',
      snat: true,
      name: 'pods',
      cniVersion: '1.0.0',
      runtimeConfig: { portMappings: [{ hostPort: 80 }] },
    });
  });

  it('passes the result so far in the version of the list', () => {
    const previous = {
      interfaces: [],
      ips: [{ address: '10.0.0.2/24' }],
      routes: [{ dst: '0.0.0.0/0', mtu: 9 }],
      dns: {},
    };
    expect(pluginConfig(parsed, portmap, {}, previous)['prevResult']).toEqual({
      cniVersion: '1.0.0',
      ips: [{ address: '10.0.0.2/24' }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    });
  });
});
