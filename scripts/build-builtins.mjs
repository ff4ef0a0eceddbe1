import { builtinModules } from 'node:module';

const NAMES = new Set(builtinModules);
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/**
 * Takes Node's own modules by `process.getBuiltinModule` instead of `import`. An import reads every export of a module, those too that are made at the first look:
 * with "node:http" Node 26 loads all of its fetch and WebSocket, 25 ms of every start. An export that nothing asks for is left out of the bundle, and not looked at.
 */
export const builtins = {
  name: 'builtins',
  setup(build) {
    build.onResolve({ filter: /^[a-z_]|^node:/ }, ({ path, kind, importer }) => {
      const name = path.replace(/^node:/, '');
      // require() reads no export
      if (!NAMES.has(name) || kind === 'require-call') return;
      // one of its own for each importer, since one that many share becomes a file more to load
      return { path: `${name} for ${importer}`, namespace: 'builtin', pluginData: name };
    });
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ pluginData: name }) => {
      const exports = Object.keys(process.getBuiltinModule(name)).filter(
        each => each !== 'default' && IDENTIFIER.test(each),
      );
      const lines = exports.map((each, i) => `const e${i} = /* @__PURE__ */ (() => builtin.${each})();`);
      const named = exports.map((each, i) => `e${i} as ${each}`).join(', ');
      return {
        contents: `const builtin = process.getBuiltinModule('node:${name}');\n${lines.join('\n')}\nexport { ${named} };\nexport default builtin;\n`,
      };
    });
  },
};
