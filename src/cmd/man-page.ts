import { allCommands, type DescribedCommand, type DescribedOption } from './command-tree.ts';

export interface ManPage {
  /** `gantry-init.8` */
  readonly file: string;
  readonly text: string;
}

export interface ManPageFacts {
  /** Of the program. */
  readonly version: string;
  /** In the foot of each page, YYYY-MM-DD. */
  readonly date: string;
}

/** Sections that no definition of a command says, by page. A line that begins with a space is shown as it is. */
const MORE: Readonly<Record<string, readonly (readonly [title: string, lines: readonly string[]])[]>> = {
  gantry: [
    [
      'FILES',
      [
        ' /etc/gantry             configuration of this machine',
        ' /etc/kubernetes         certificates, kubeconfigs and static pods, as kubeadm has them',
        ' /var/lib/gantry         images, records of containers, addresses of pods',
        ' /var/lib/kubelet        data of pods',
        ' /var/lib/etcd           the database of a control plane',
        ' /run/gantry             sockets',
        ' /run/gantry.lock        which command changes this machine, while one does',
        ' /usr/share/gantry/cni   templates of CNI configuration',
      ],
    ],
    [
      'EXIT STATUS',
      [
        '0 when it was done, 1 when it was not: standard error ends with the reason. Of init, join and reset 2 where the machine is not fit (preflight) or another command changes it just now, and 3 where flags or the file of --config are wrong.',
      ],
    ],
  ],
  'gantry-init': [
    [
      'EXAMPLES',
      [
        'The first node of a cluster, which runs pods itself too:',
        ' gantry init --no-control-plane-taint',
        ' export KUBECONFIG=/etc/kubernetes/admin.conf',
        ' kubectl get nodes',
      ],
    ],
  ],
  'gantry-join': [
    [
      'EXAMPLES',
      [
        'gantry init ends with the whole command:',
        ' gantry join 192.0.2.10:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:...',
      ],
    ],
  ],
  'gantry-completion': [
    ['EXAMPLES', ['The package installs all three. By hand, for the shell at hand:', ' . <(gantry completion bash)']],
  ],
};

/** One page for the program and one for each command right below it, with all that is below that. Pure. */
export function manPages(program: DescribedCommand, facts: ManPageFacts): readonly ManPage[] {
  const pages = program.commands.map(command => pageOf(command, 8, program, facts));
  return [pageOf(program, 1, program, facts), ...pages];
}

function pageOf(
  command: DescribedCommand,
  section: number,
  program: DescribedCommand,
  { version, date }: ManPageFacts,
): ManPage {
  const name = command.path.join('-');
  const isProgram = command === program;
  const below = isProgram ? [] : allCommands(command).slice(1);
  const others = isProgram ? program.commands : program.commands.filter(other => other !== command);
  const lines = [
    `.TH ${quoted(name.toUpperCase())} ${section} ${quoted(date)} ${quoted(`${program.path[0]} ${version}`)} "Gantry"`,
    '.SH NAME',
    `${escaped(name)} \\- ${escaped(command.description)}`,
    '.SH SYNOPSIS',
    ...synopsis(command),
    ...(command.options.length > 0 ? ['.SH OPTIONS', ...command.options.flatMap(optionLines)] : []),
    ...(isProgram ? ['.SH COMMANDS', ...program.commands.flatMap(shortLines)] : []),
    ...(below.length > 0 ? ['.SH COMMANDS', ...below.flatMap(commandLines)] : []),
    ...(MORE[name] ?? []).flatMap(([title, texts]) => [`.SH ${quoted(title)}`, ...texts.flatMap(textLines)]),
    '.SH SEE ALSO',
    ...references([...(isProgram ? [] : ['gantry(1)']), ...others.map(other => `${other.path.join('-')}(8)`)]),
  ];
  return { file: `${name}.${section}`, text: `${lines.join('\n')}\n` };
}

function synopsis(command: DescribedCommand): readonly string[] {
  const words = [
    ...(command.commands.length === 0 ? [] : [runsAlone(command) ? '[COMMAND]' : 'COMMAND']),
    ...(command.options.length > 0 || command.commands.length > 0 ? ['[OPTIONS]'] : []),
    ...command.argumentTexts,
  ];
  return [`.B ${escaped(command.path.join(' '))}`, ...(words.length > 0 ? [escaped(words.join(' '))] : [])];
}

/** A mere group of commands has no flags but those for help. */
function runsAlone({ path, options }: DescribedCommand): boolean {
  return path.length > 1 && options.some(({ names }) => !names.includes('--help'));
}

function shortLines(command: DescribedCommand): readonly string[] {
  return [
    '.TP',
    `.B ${escaped(command.path.slice(1).join(' '))}`,
    `${sentence(command.description)} See`,
    `.BR ${escaped(command.path.join('-'))} (8).`,
  ];
}

function commandLines(command: DescribedCommand): readonly string[] {
  const title = [...command.path, ...command.argumentTexts].join(' ');
  return [`.SS ${quoted(title)}`, sentence(command.description), ...command.options.flatMap(optionLines)];
}

function optionLines(option: DescribedOption): readonly string[] {
  const choices = Array.isArray(option.value) ? ` One of: ${option.value.join(', ')}.` : '';
  const given = option.defaultText === undefined ? '' : ` Default: ${option.defaultText}.`;
  const must = option.required ? ' Required.' : '';
  return [
    '.TP',
    `.B ${escaped(option.flags)}`,
    escaped(`${capitalized(option.description)}.${choices}${given}${must}`),
  ];
}

function references(pages: readonly string[]): readonly string[] {
  return pages.map((page, index) => {
    const [, name = '', section = ''] = /^(.*)(\(\d\))$/.exec(page) ?? [];
    return `.BR ${escaped(name)} ${section}${index === pages.length - 1 ? '' : ','}`;
  });
}

function textLines(line: string): readonly string[] {
  return line.startsWith(' ') ? ['.nf', `.RS 4`, escaped(line.slice(1)), '.RE', '.fi'] : ['.PP', escaped(line)];
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text: string): string => escaped(`${capitalized(text)}.`);

/** Text as roff shows it literally: hyphens that can be copied, no control lines. */
function escaped(text: string): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti');
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', '\\(dq')}"`;
}
