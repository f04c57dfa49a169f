// SPDX-License-Identifier: MIT
import type { Command } from 'commander'
import { knownLabels } from '../../kernel/provide.ts'

/**
 * A script for bash that completes commands, options, labels of kernels and paths; zsh runs it after `bashcompinit`.
 * @param program the command line itself, so that nothing has to be listed twice
 * @param names what users type to start it
 */
export function completionScript(program: Command, names: readonly string[]): string {
  const commands = program.commands.map(command => ({
    name: command.name(),
    options: command.options.flatMap(({ long }) => long ?? []),
  }))
  const cases = commands.map(
    ({ name, options }) => `\t\t${name}) words='${[...options, '--help'].join(' ')}' ;;`,
  )
  const run = commands.find(({ name }) => name === 'run')?.options ?? []
  return `# netlink-vmtest for bash: eval "$(netlink-vmtest completion)"; in zsh after: autoload -U bashcompinit && bashcompinit
_netlink_vmtest() {
	local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} words
	COMPREPLY=()
	if [ "$before" = --kernel ]; then
		# The last of several labels, which commas separate.
		local done=\${current%"\${current##*,}"}
		COMPREPLY=($(compgen -P "$done" -W '${knownLabels().join(' ')}' -- "\${current##*,}"))
		return
	fi
	case \${COMP_WORDS[1]} in
${cases.join('\n')}
		*) words='${[...commands.map(({ name }) => name), ...run, '--help'].join(' ')}' ;;
	esac
	case $current in
		-*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
		*) [ "$COMP_CWORD" -gt 1 ] || COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
	esac
	# Anything else is a path.
	[ "\${#COMPREPLY[@]}" -gt 0 ] || compopt -o default 2>/dev/null
}
${names.map(name => `complete -F _netlink_vmtest ${name}`).join('\n')}
`
}
