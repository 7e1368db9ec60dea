import type { Command, OptionDefinition } from './command.ts'
import { commonOptions } from './parse-arguments.ts'

/** Shells whose line editors complete words by a script. */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** A script that makes a shell complete commands, options and, where they are asked for, files. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands)
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map(
    (command) =>
      `    ${command.name}) words='${optionsOf(command)
        .map(([name]) => `--${name}`)
        .join(' ')}' ;;`,
  )
  return `_phalanx() {
  local words word=\${COMP_WORDS[COMP_CWORD]}
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  if [[ $COMP_CWORD -eq 1 ]]; then words='${names(commands)}'; elif [[ $word != -* ]]; then words=''; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _phalanx phalanx
`
}

function zsh(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = optionsOf(command).map(([name, { value, multiple, text }]) => {
      const argument = value === undefined ? '' : `:${value.replaceAll(/[<>]/g, '')}:_files`
      return quoted(`${multiple ? '*' : ''}--${name}[${text.replaceAll(/[[\]:]/g, '\\$&')}]${argument}`)
    })
    return `    ${command.name}) _arguments ${options.join(' ')} '*:file:_files' ;;`
  })
  const described = commands.map(({ name, summary }) => quoted(`${name}:${summary}`))
  return `#compdef phalanx
_phalanx() {
  if (( CURRENT == 2 )); then
    local -a commands=(${described.join(' ')})
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _phalanx phalanx
`
}

function fish(commands: readonly Command[]): string {
  const among = `not __fish_seen_subcommand_from ${names(commands)}`
  const lines = commands.flatMap((command) => [
    `complete -c phalanx -n ${quoted(among)} -f -a ${command.name} -d ${quoted(command.summary)}`,
    ...optionsOf(command).map(([name, { value, text }]) => {
      const takes = value === undefined ? '' : ' -r'
      return `complete -c phalanx -n ${quoted(`__fish_seen_subcommand_from ${command.name}`)} -l ${name}${takes} -d ${quoted(text)}`
    }),
  ])
  return `${lines.join('\n')}\n`
}

function optionsOf(command: Command): [string, OptionDefinition][] {
  return Object.entries({ ...command.options, ...commonOptions })
}

function names(commands: readonly Command[]): string {
  return commands.map(({ name }) => name).join(' ')
}

/** For a POSIX shell, zsh and fish alike: a quote ends the text, stands escaped, and begins it again. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
