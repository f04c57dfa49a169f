// SPDX-License-Identifier: MIT
/** The targets of a project's own Makefile that call the kernel's build. */

interface Rule {
  readonly names: readonly string[]
  readonly needs: readonly string[]
  readonly recipe: string[]
}

/** Names of targets that build no module. */
const others = /^(\.|.*%)|clean|install|^(help|check|test|tests|dist|tags|cscope|coccicheck|format|style)$/

/** `$(MAKE) -C $(KDIR) M=$(PWD) modules`: the folder is elsewhere. */
const callsKernel = /(\$[({]MAKE[)}]|\bmake\b).*\s-C\s*["']?(\$|\/)/

/**
 * The targets to try: those whose recipes call the kernel's build, in the order of the file, and then those
 * that make one of them with something before.
 */
export function kernelTargets(makefile: string): string[] {
  const text = makefile.replace(/\\\r?\n/g, ' ')
  const variables = new Map(
    [...text.matchAll(/^\s*(?:export\s+)?(\w+)\s*(?:::?|\?)?=\s*(.*)$/gm)].map(
      ([, name = '', value = '']): [string, string] => [name, value],
    ),
  )
  const rules = rulesOf(text).filter(({ names }) => names.some(name => !others.test(name)))
  const calling = rules.filter(({ recipe }) =>
    recipe.some(line => {
      const command = expanded(line, variables)
      return callsKernel.test(command) && !/\s(clean|\w*_?install|help)\b/.test(command)
    }),
  )
  const names = new Set(calling.flatMap(rule => rule.names))
  for (let before = -1; before !== names.size; ) {
    before = names.size
    for (const rule of rules)
      if (rule.needs.some(name => names.has(name))) for (const name of rule.names) names.add(name)
  }
  return [...names].filter(name => !others.test(name))
}

function rulesOf(text: string): Rule[] {
  const rules: Rule[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('\t')) {
      rules.at(-1)?.recipe.push(line)
      continue
    }
    const [, names, needs = '', first] =
      /^ *([\w.%][\w.% -]*?)\s*::?(?!=)([^=;#]*)(?:;(.*))?$/.exec(line) ?? []
    if (names !== undefined)
      rules.push({
        names: names.split(/\s+/),
        needs: needs.trim().split(/\s+/),
        recipe: first === undefined ? [] : [first],
      })
  }
  return rules
}

/** A line with the values of variables that the makefile sets, as far as a few steps lead. */
function expanded(line: string, variables: ReadonlyMap<string, string>): string {
  let result = line
  for (let step = 0; step < 3; step++)
    result = result.replace(/\$[({](\w+)[)}]/g, (whole, name) => variables.get(name) ?? whole)
  return result
}
