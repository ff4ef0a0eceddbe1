import type { IpFamily } from '../../base/cidr.ts';
import { choiceOf, choiceRules } from './chains.ts';
import type { Element } from './element.ts';
import { tableOf } from './layout.ts';
import { chainsOfVerdict, type ElementChange } from './ruleset.ts';

export interface TableSettings {
  readonly family: IpFamily;
  readonly masqueradeMark: string;
}

/** How many elements stand in one command: nft reads long ones as fast as short ones, people do not. */
const ELEMENTS_PER_COMMAND = 200;

/** Makes chains that choose, or brings them to their rules. What they go to comes first. */
export function chainCommands(names: Iterable<string>, { family, masqueradeMark }: TableSettings): string[] {
  const table = tableOf(family);
  const all = [...names].flatMap(name => {
    const choice = choiceOf(name);
    return choice === undefined ? [] : [{ name, choice }];
  });
  return [
    ...all.flatMap(({ name }) => [`add chain ${table} ${name}`, `flush chain ${table} ${name}`]),
    ...all.flatMap(({ name, choice }) =>
      choiceRules(choice, family, masqueradeMark).map(rule => `add rule ${table} ${name} ${rule}`),
    ),
  ];
}

/** The commands that carry changes out: what goes, then what comes. Chains that they need and that are not in `present` are made before. */
export function changeCommands(
  changes: readonly ElementChange[],
  present: ReadonlySet<string>,
  settings: TableSettings,
): { readonly commands: string[]; readonly chains: readonly string[] } {
  const chains = new Set<string>();
  for (const { after = '' } of changes)
    for (const name of chainsOfVerdict(after)) if (!present.has(name)) chains.add(name);
  const gone = changes.filter(({ before }) => before !== undefined);
  const come = changes.flatMap(({ container, key, after }) =>
    after === undefined ? [] : [{ container, key, value: after }],
  );
  return {
    commands: [
      ...chainCommands(chains, settings),
      ...elementCommands('delete', gone, settings.family),
      ...elementCommands('add', come, settings.family),
    ],
    chains: [...chains],
  };
}

/** Adds or deletes elements, many of a container in one command. */
export function elementCommands(verb: 'add' | 'delete', elements: Iterable<Element>, family: IpFamily): string[] {
  const table = tableOf(family);
  const commands: string[] = [];
  const waiting = new Map<string, string[]>();
  const send = (container: string, texts: readonly string[]): void => {
    commands.push(`${verb} element ${table} ${container} { ${texts.join(', ')} }`);
  };
  for (const { container, key, value = '' } of elements) {
    const texts = waiting.get(container) ?? [];
    texts.push(verb === 'delete' || value === '' ? key : `${key} : ${value}`);
    waiting.set(container, texts);
    if (texts.length < ELEMENTS_PER_COMMAND) continue;
    send(container, texts);
    waiting.delete(container);
  }
  for (const [container, texts] of waiting) send(container, texts);
  return commands;
}
