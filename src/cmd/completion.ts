import { allCommands, type DescribedCommand, type DescribedOption, type ValueKind } from './command-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What completes the commands, flags and file names of the program in a shell; it starts no program of ours. Pure. */
export function completionScript(program: DescribedCommand, shell: Shell): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program);
}

const pathOf = (command: DescribedCommand): string => command.path.join(' ');
const childNames = (command: DescribedCommand): readonly string[] =>
  command.commands.map(({ path }) => path.at(-1) ?? '');
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const caseOf = (patterns: readonly string[], body: string): string =>
  patterns.length === 0 ? '' : `    ${patterns.map(quoted).join(' | ')}) ${body} ;;\n`;

function bashScript(program: DescribedCommand): string {
  const commands = allCommands(program);
  const [name] = program.path;
  const withValue = (wanted: (value: ValueKind) => boolean): string[] =>
    commands.flatMap(command =>
      command.options
        .filter(({ value }) => value !== undefined && wanted(value))
        .flatMap(option => option.names.map(flag => `${pathOf(command)} ${flag}`)),
    );
  const choices = commands.flatMap(command =>
    command.options.flatMap(({ names, value }) =>
      Array.isArray(value)
        ? [
            caseOf(
              names.map(flag => `${pathOf(command)} ${flag}`),
              `_${name}_reply ${quoted(value.join(' '))} && return`,
            ),
          ]
        : [],
    ),
  );
  const words = commands.map(command => {
    const known = [...childNames(command), ...command.options.flatMap(({ names }) => names), ...choicesOf(command)];
    const files = takesFiles(command) ? `_${name}_files` : 'true';
    return caseOf([pathOf(command)], `_${name}_reply ${quoted(known.join(' '))}; ${files}`);
  });
  return `# bash completion of ${name}; made by: ${name} completion bash
_${name}_reply() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}
_${name}_files() {
  local found
  [[ $cur != -* ]] && mapfile -t found < <(compgen -f -- "$cur") && COMPREPLY+=("\${found[@]}") && compopt -o filenames
}
_${name}_takes_value() {
  case $1 in
${caseOf(
  withValue(() => true),
  'return 0',
)}  esac
  return 1
}
_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path=${name} index word before=
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ -n $before ]]; then
      before=
    elif _${name}_takes_value "$path $word"; then
      before="$path $word"
    else
      case "$path $word" in
${caseOf(commands.slice(1).map(pathOf), 'path="$path $word"')}      esac
    fi
  done
  case $before in
    '') ;;
${choices.join('')}${caseOf(
  withValue(value => value === 'file'),
  `_${name}_files; return`,
)}${caseOf(
  withValue(value => value === 'directory'),
  'mapfile -t COMPREPLY < <(compgen -d -- "$cur"); compopt -o filenames; return',
)}    *) return ;;
  esac
  case $path in
${words.join('')}  esac
}
complete -F _${name} ${name}
`;
}

/** Choices of the next argument; the shells are told those of the first one only. */
function choicesOf(command: DescribedCommand): readonly string[] {
  const [first] = command.argumentValues;
  return Array.isArray(first) ? first : [];
}

function takesFiles(command: DescribedCommand): boolean {
  return command.argumentValues.includes('file');
}

function zshScript(program: DescribedCommand): string {
  const [name] = program.path;
  const functionOf = (command: DescribedCommand): string => `_${command.path.join('_').replaceAll('-', '_')}`;
  const functions = allCommands(program).map(command => {
    const specs = command.options.map(zshOption);
    if (command.commands.length === 0) {
      const values = command.argumentValues.map(value => `'*:: :${zshAction(value)}'`).slice(0, 1);
      return `${functionOf(command)}() {\n  _arguments ${[...specs, ...values].join(' \\\n    ')}\n}\n`;
    }
    const list = command.commands.map(({ path, description }) => quoted(`${path.at(-1)}:${description}`));
    const cases = command.commands.map(child => `      ${child.path.at(-1)}) ${functionOf(child)} ;;\n`);
    return `${functionOf(command)}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}
  case $state in
    command)
      local -a commands=(${list.join(' ')})
      _describe command commands
      ;;
    rest)
      case $line[1] in
${cases.join('')}      esac
      ;;
  esac
}
`;
  });
  return `#compdef ${name}
# zsh completion of ${name}; made by: ${name} completion zsh
${functions.join('')}if [ "$funcstack[1]" = "_${name}" ]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function zshAction(value: ValueKind): string {
  if (value === 'file') return '_files';
  if (value === 'directory') return '_files -/';
  return value === 'text' ? ' ' : `(${value.join(' ')})`;
}

/** \`:\` and brackets end a part of a specification. */
function zshOption({ names, value, description }: DescribedOption): string {
  const text = description.replace(/[[\]:\\]/g, match => `\\${match}`);
  const others = names.length > 1 ? `(${names.join(' ')})` : '';
  const what = value === undefined ? '' : `: :${zshAction(value)}`;
  return names.map(flag => quoted(`${others}${flag}[${text}]${what}`)).join(' ');
}

function fishScript(program: DescribedCommand): string {
  const [name] = program.path;
  const commands = allCommands(program);
  const lines = commands.flatMap(command => {
    const at = `-c ${name} -n ${quoted(`__${name}_at ${quoted(pathOf(command)).replaceAll("'", '"')}`)}`;
    const children = command.commands.map(
      child => `complete ${at} -f -a ${quoted(child.path.at(-1) ?? '')} -d ${fishQuoted(child.description)}`,
    );
    const options = command.options.map(option => `complete ${at} ${fishOption(option)}`);
    const values = choicesOf(command).map(choice => `complete ${at} -f -a ${quoted(choice)}`);
    const files = takesFiles(command) ? [`complete ${at} -F`] : [];
    return [...children, ...options, ...values, ...files];
  });
  const valued = commands.flatMap(command =>
    command.options
      .filter(({ value }) => value !== undefined)
      .flatMap(option => option.names.map(flag => quoted(`${pathOf(command)} ${flag}`))),
  );
  return `# fish completion of ${name}; made by: ${name} completion fish
function __${name}_at
  set -l at ${name}
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
    else if contains -- "$at $word" ${valued.join(' ')}
      set skip 1
    else if contains -- "$at $word" ${commands
      .slice(1)
      .map(command => quoted(pathOf(command)))
      .join(' ')}
      set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
complete -c ${name} -f
${lines.join('\n')}
`;
}

/** In fish a backslash stands for itself in single quotes, but before a quote or another one. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function fishOption({ names, value, description }: DescribedOption): string {
  const flags = names.map(flag => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const what = { none: '', file: ' -r -F', directory: " -x -a '(__fish_complete_directories)'", text: ' -x' };
  const kind = value === undefined ? 'none' : value;
  const values = typeof kind === 'string' ? what[kind] : ` -x -a ${quoted(kind.join(' '))}`;
  return `${flags.join(' ')}${values} -d ${fishQuoted(description)}`;
}
